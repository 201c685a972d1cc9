// webhooks: what must be ready before an API server is told to ask a webhook.
//
// A webhook that does not answer keeps everybody from changing what it is about, unless its
// failurePolicy is Ignore. So the workloads
// behind the Services that a configuration names come first: those of the App whose pods such a
// Service selects, if the Service is the App's. Nobody knows what stands behind another one.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

struct agent_forms;
struct cm_json;

// kube_webhooks_await marks them in `out`, one for each of the forms.
void kube_webhooks_await(const struct cm_json *configuration, const struct agent_forms *forms,
                         bool *out);
