// fleet.c: `holdfast fleet health`: the fleet and its hub in one screen.
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "hub/ctl/action.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/print.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LABEL_WIDTH 14

struct part {
    const char *member;
    const char *words;
    bool bad; // any of it wants a person
};

static const struct part states[] = {
    {"inSync", "in sync", false},    {"progressing", "progressing", false},
    {"waiting", "waiting", true},    {"degraded", "degraded", true},
    {"offline", "offline", true},    {"unknown", "unknown", false},
    {"observed", "observed", false},
};

static const struct part agents[] = {
    {"enrolled", "enrolled", false},
    {"connected", "connected", false},
    {"silent", "not heard for a day", false},
    {"held", "held", true},
    {"skewed", "with a skewed clock", true},
    {"certificatesEnding", "with an ending certificate", true},
    {"certificatesEnded", "with an ended one", true},
    {"trustBehind", "without the newest roots", true},
};

static const struct part problems[] = {
    {"problemsOfApps", "of Apps", true},
    {"problemsOfClusters", "of clusters", true},
    {"problemsOfDocuments", "of other documents", true},
    {"pairsStale", "Apps on clusters held at their last good state", false},
    {"needsHuman", "workloads whose release needs a human", true},
    {"releasesWaiting", "whose release waits for somebody", true},
};

static const struct part repositories[] = {
    {"repositories", "read", false},
    {"repositoriesFailing", "failing", true},
};

static int64_t number(const struct cm_json *object, const char *member) {
    return cm_json_int(cm_json_get(object, member), 0);
}

static const char *colour_of(const struct part *part, int64_t count) {
    return part->bad && count > 0 ? ctl_red() : "";
}

static void print_parts(const char *label, const struct cm_json *health, const struct part *parts,
                        size_t count) {
    (void)printf("%-*s", LABEL_WIDTH, label);
    for (size_t i = 0; i < count; i++) {
        int64_t n = number(health, parts[i].member);
        const char *colour = colour_of(&parts[i], n);

        (void)printf("%s%s%lld %s%s", i > 0 ? ", " : "", colour, (long long)n, parts[i].words,
                     colour[0] != '\0' ? ctl_plain() : "");
    }
    (void)printf("\n");
}

// The first clusters of the states that one would look at.
static void print_first(struct ctl *c, const struct cm_json *health) {
    const struct cm_json *first = cm_json_get(health, "first");

    for (size_t i = 0; i < COUNT(states); i++) {
        const struct cm_json *names = cm_json_get(first, states[i].member);

        if (names == NULL || names->count == 0) {
            continue;
        }
        (void)printf("  %-*s", LABEL_WIDTH - 2, states[i].words);
        for (const struct cm_json *at = names->first; at != NULL; at = at->next) {
            (void)printf("%s%s", at == names->first ? "" : ", ",
                         ctl_one_line(c->arena, at->text == NULL ? "" : at->text));
        }
        (void)printf("%s\n", number(health, states[i].member) > (int64_t)names->count ? ", …" : "");
    }
}

static void print_lines(struct ctl *c, const struct cm_json *list, const char *before) {
    for (const struct cm_json *at = list == NULL ? NULL : list->first; at != NULL; at = at->next) {
        (void)printf("%s%s\n", before, ctl_one_line(c->arena, at->text == NULL ? "" : at->text));
    }
}

static const char *ready_words(const struct cm_json *hub) {
    const struct cm_json *ready = cm_json_get(hub, "ready");

    return cm_json_true(ready) ? "ready" : "not ready";
}

static void print_hub(struct ctl *c, const struct cm_json *hub) {
    const char *version = cm_json_string(cm_json_get(hub, "version"));
    int64_t uptime_min = number(hub, "uptimeMs") / 60000;

    (void)printf("%-*s%s, %s, up %lldd %lldh %lldm, database %lld MB, %lld changes wait\n",
                 LABEL_WIDTH, "hub", ctl_one_line(c->arena, version == NULL ? "?" : version),
                 ready_words(hub), (long long)(uptime_min / 1440),
                 (long long)(uptime_min / 60 % 24), (long long)(uptime_min % 60),
                 (long long)(number(hub, "storeBytes") / 1000000),
                 (long long)number(hub, "storeQueue"));
}

static void print_health(struct ctl *c, const struct cm_json *health, bool well) {
    print_parts("clusters", health, states, COUNT(states));
    print_first(c, health);
    print_parts("agents", health, agents, COUNT(agents));
    print_parts("problems", health, problems, COUNT(problems));
    print_lines(c, cm_json_get(health, "waits"), "  waits: ");
    print_parts("repositories", health, repositories, COUNT(repositories));
    print_lines(c, cm_json_get(health, "failures"), "  ");
    print_hub(c, cm_json_get(health, "hub"));
    if (well) {
        (void)printf("%snothing wants a person%s\n", ctl_green(), ctl_plain());
    } else {
        (void)printf("%swhat wants a person:%s\n", ctl_red(), ctl_plain());
        print_lines(c, cm_json_get(health, "wrong"), "  ");
    }
}

static int health(struct ctl *c) {
    struct cm_json *answer = NULL;

    if (ctl_call(c, "GET", "/health", NULL, NULL, &answer) < 0) {
        return CTL_ERROR;
    }
    bool well = cm_json_true(cm_json_get(answer, "well"));
    if (!ctl_output_is_tree(c)) {
        print_health(c, answer, well);
    } else if (ctl_print_value(c, answer) < 0) {
        return CTL_ERROR;
    }
    return well ? CTL_DONE : CTL_NO;
}

int ctl_fleet(struct ctl *c) {
    static const struct ctl_action actions[] = {{"health", 0, "", "status state", health}};

    return ctl_action_run(c, actions, COUNT(actions));
}
