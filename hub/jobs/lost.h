// lost: repositories that stand behind something in force but are configured no longer.
//
// Once every repository that is configured has been read, what came from a lost one and is in no
// other is taken as deleted from Git (planner.h), and said as a problem until the hub starts again.
//
// Threads: one at a time (the planner's).
#pragma once

#include <stddef.h>

struct cm_arena;
struct cm_map;
struct hub_fleet;

struct hub_lost_repo {
    char *name;
    char *revision;      // resolved last; "": none
    struct cm_map *apps; // whose documents it had
    char *message;       // what came of it; NULL: nothing, it goes by another name
};

struct hub_lost {
    struct hub_lost_repo *items;
    size_t count;
};

void hub_lost_done(struct hub_lost *l);
void hub_lost_add(struct hub_lost *l, const char *name, const char *revision);
void hub_lost_add_app(struct hub_lost *l, const char *repo, const char *app);

// hub_lost_give_up tells the fleet that the repositories are empty, and makes the messages.
void hub_lost_give_up(struct hub_lost *l, struct hub_fleet *fleet);
