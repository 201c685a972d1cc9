// fake_api: an API server that answers as a test says, for what a real one does too seldom.
//
// Unless told otherwise it offers ConfigMap, Secret, Namespace and Gear.example.com/v1, lists
// nothing, keeps watches open, sends back what is applied (uid u1, resourceVersion 20), and knows
// no object. Of several rules that match the last one counts.
//
// Threads: the test's; one of its own per connection.
#pragma once

#include <stddef.h>

struct fake_api;

struct fake_api *fake_api_new(void);
void fake_api_free(struct fake_api *api);
const char *fake_api_url(const struct fake_api *api);

// fake_api_answer answers requests whose "METHOD PATH" holds `match` like this; `times` 0: always.
void fake_api_answer(struct fake_api *api, const char *match, int times, int status,
                     const char *body);

// fake_api_hold lets no answer to such requests go until fake_api_release.
void fake_api_hold(struct fake_api *api, const char *match);
void fake_api_release(struct fake_api *api);

// fake_api_event sends a line on all watches whose path holds `match`; fake_api_end ends them all.
void fake_api_event(struct fake_api *api, const char *match, const char *line);
void fake_api_end(struct fake_api *api);

// fake_api_count counts requests whose "METHOD PATH BODY" holds `match`; fake_api_count_as those of
// them that came in the name of `user`, NULL: in nobody's but the client's own.
size_t fake_api_count(struct fake_api *api, const char *match);
size_t fake_api_count_as(struct fake_api *api, const char *match, const char *user);
