// internal: the simulated cluster, for agent/sim's own files only.
//
// Threads: the loop.
#pragma once

#include "agent/driver.h"
#include "agent/sim/sim.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/map.h"
#include "common/tls/digest.h"

struct cm_arena;
struct cm_object_id;
struct agent_sim_driver;

// A field that somebody else set.
struct sim_change {
    struct sim_change *next;
    char *path;
    char *manager;
    int64_t at_ms;
};

#define SIM_TOKEN_MAX 17

struct sim_object {
    char *key;      // complete
    char *core_key; // as its agent says it; NULL if it is no agent's
    char *owner;    // who that agent is
    char *app;
    char *default_namespace;
    struct cm_buf *live;
    struct cm_buf *applied; // what we applied last; NULL if we never did
    char uid[CM_UUID_MAX];
    int64_t healthy_at_ms; // monotonic; 0: it is
    bool degraded;
    struct sim_change *changes; // newest first
    char *declares;             // "Kind.group" of a CustomResourceDefinition
    bool declares_cluster;      // its kind is cluster-scoped
    struct cm_list settling;    // in sim->settling while it is not healthy yet
    // What the simulated controller of a workload calls releases: the beginning of a hash.
    char token[SIM_TOKEN_MAX];
    char good[SIM_TOKEN_MAX]; // the last one before that was not rejected; "": none
    bool rejected;            // the present one is
    int64_t undone_ms;        // when somebody went back by hand; 0: nobody did since it was applied
};

struct agent_sim {
    struct cm_loop *loop;
    struct agent_sim_config config;
    struct cm_map *objects;  // by complete key: struct sim_object
    struct cm_map *declared; // "Kind.group": the object that declares it
    struct cm_map *failing;  // substring: code, as a pointer to sim_failing
    struct cm_map *degraded; // substring
    struct cm_map *owners;   // keys of objects on whose existence rules depended
    bool reachable;
    bool had_driver;
    char *identity;
    char *marked; // by whom; NULL: by nobody
    struct agent_mark mark;
    struct agent_sim_driver *driver; // NULL without one
    struct cm_list settling;
    struct cm_timer settle;
    struct agent_sim_stats stats;
};

// sim_resolve completes a key: the namespace of kinds that have one is the default one if left
// open. The result is the arena's.
const char *sim_resolve(const struct agent_sim *sim, struct cm_arena *a, const char *key,
                        const char *default_namespace);

// sim_refuses tells whether a request for this key, in the name of an account ("": none), fails,
// and fills *err.
bool sim_refuses(const struct agent_sim *sim, const char *key, const char *account,
                 struct cm_err *err);

// sim_apply does what an API server does with a server-side apply.
enum cm_rc sim_apply(struct agent_sim *sim, const struct agent_object *object, bool *written,
                     struct sim_object **out, struct cm_err *err);
// sim_run makes it anew: what of ours is there goes first.
enum cm_rc sim_run(struct agent_sim *sim, const struct agent_object *object, bool *written,
                   struct sim_object **out, struct cm_err *err);
// sim_adopt takes an object to be there as desired, with the uid that the agent remembers.
void sim_adopt(struct agent_sim *sim, const struct agent_owned *owned, struct cm_buf *desired);
enum cm_rc sim_remove(struct agent_sim *sim, const char *key, const char *uid, struct cm_err *err);
// sim_release takes our mark off an object.
void sim_release(struct agent_sim *sim, const char *key, const char *uid);

// sim_changed_by returns who set a field, or something above or below it, last; NULL: nobody else.
const struct sim_change *sim_changed_by(const struct sim_object *o, const char *path);

// sim_owner_key completes the key of an owner as a rule about an object names it; the arena's.
const char *sim_owner_key(const struct agent_sim *sim, struct cm_arena *a,
                          const struct sim_object *o, const char *owner);

// sim_spare asks an object who set its fields, and the cluster which owners exist.
struct sim_spare_ctx {
    struct agent_sim *sim;
    struct sim_object *object;
};
struct cm_spare sim_spare(struct sim_spare_ctx *ctx, const struct cm_spare_rule *rules,
                          size_t count);

// sim_check_conflicts fails, naming field and manager, if somebody else has set a field of a
// desired object to something else.
enum cm_rc sim_check_conflicts(const struct sim_object *o, const struct cm_buf *desired,
                               struct cm_err *err);

// sim_is_fixed tells whether a desired object needs a change that no API server makes, and names
// the field.
bool sim_is_fixed(const struct sim_object *o, const struct cm_buf *desired, const char **field);

// sim_was_made_by_hand tells whether kubectl or Helm made an object.
bool sim_was_made_by_hand(const struct sim_object *o);

// sim_is_ours tells whether the present agent applied an object.
bool sim_is_ours(const struct agent_sim *sim, const struct sim_object *o);

// sim_has_releases tells whether a controller decides about releases of an object.
bool sim_has_releases(const struct sim_object *o);

// sim_is_site tells whether an object is one by which somebody allows a change by hand.
bool sim_is_site(const char *key);

// sim_token is what the simulated controller calls a form.
void sim_token(const struct cm_buf *form, char out[SIM_TOKEN_MAX]);

struct sim_object *sim_find(const struct agent_sim *sim, const char *key);
enum agent_health sim_health(const struct sim_object *o, const char **why);

// sim_note tells of what became of an object; o NULL: it is gone.
void sim_note(const struct agent_sim *sim, const char *what, const char *key,
              const struct sim_object *o);

// sim_changed tells the driver, if there is one, to observe an object again.
void sim_changed(struct agent_sim *sim, const char *key);
void sim_driver_reachable(struct agent_sim_driver *d, bool reachable);
// sim_driver_decide tells that a controller did something with a release; false: of what is not
// tracked (yet) nobody hears.
bool sim_driver_decide(struct agent_sim_driver *d, const struct sim_object *o,
                       const struct agent_sim_decision *what);
// sim_driver_digests tells what runs behind tags; false: of what is not tracked nobody hears.
bool sim_driver_digests(struct agent_sim_driver *d, const char *key, const char *const *images,
                        size_t count);
void sim_driver_changed(struct agent_sim_driver *d, const char *key);
// sim_driver_owner is told when an object comes or goes on which rules depend.
void sim_driver_owner(struct agent_sim_driver *d, const char *key);

struct cm_buf *sim_share(struct agent_sim *sim, struct cm_buf *bytes); // takes the reference
