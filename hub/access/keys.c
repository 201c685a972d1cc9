#include "hub/access/keys.h"

#include "hub/access/authority.h"

#define APPROVAL_MS ((int64_t)24 * 60 * 60 * 1000)

static bool is_set(const struct cm_sha256 *key) {
    static const struct cm_sha256 none;

    return !cm_sha256_equal(key, &none);
}

static bool is(const struct cm_sha256 *known, const struct cm_sha256 *key) {
    return is_set(known) && cm_sha256_equal(known, key);
}

enum hub_key_verdict hub_keys_judge(const struct hub_keys *keys, const struct cm_sha256 *key,
                                    int64_t begins_ms, int64_t now_ms) {
    if (is(&keys->current, key)) {
        return HUB_KEY_CURRENT;
    }
    if (is(&keys->next, key)) {
        return HUB_KEY_NEXT;
    }
    if (is(&keys->before, key)) {
        return now_ms < keys->before_until_ms ? HUB_KEY_BEFORE : HUB_KEY_STALE;
    }
    if (keys->begins_ms == 0 || begins_ms == 0) {
        return HUB_KEY_UNKNOWN;
    }
    if (begins_ms < keys->begins_ms) { // replaced more than once since, or not chosen by a person
        return begins_ms + HUB_CERTIFY_EARLY_MS <= keys->approved_ms ? HUB_KEY_UNKNOWN
                                                                     : HUB_KEY_STALE;
    }
    if (keys->forgot_until_ms == 0) {
        return HUB_KEY_UNKNOWN;
    }
    return begins_ms <= keys->forgot_until_ms ? HUB_KEY_LOST : HUB_KEY_AHEAD;
}

void hub_keys_certified(struct hub_keys *keys, const struct cm_sha256 *key, int64_t begins_ms,
                        int64_t ends_ms) {
    if (!is(&keys->current, key)) {
        keys->next = *key;
    }
    keys->begins_ms = begins_ms > keys->begins_ms ? begins_ms : keys->begins_ms;
    keys->ends_ms = ends_ms;
}

void hub_keys_use(struct hub_keys *keys, const struct cm_sha256 *key, int64_t begins_ms,
                  int64_t now_ms) {
    if (is(&keys->current, key)) {
        return;
    }
    keys->before = keys->current;
    keys->before_until_ms = now_ms + HUB_KEYS_OVERLAP_MS;
    keys->current = *key;
    keys->next = (struct cm_sha256){0};
    if (begins_ms > keys->begins_ms) { // it was lost, and with it when it ends
        keys->begins_ms = begins_ms;
        keys->ends_ms = 0;
    }
}

void hub_keys_choose(struct hub_keys *keys, const struct cm_sha256 *key, int64_t now_ms) {
    int64_t begins_ms = now_ms - HUB_CERTIFY_EARLY_MS - 1;

    if (!is(&keys->current, key)) {
        keys->current = *key;
        keys->next = (struct cm_sha256){0};
    }
    keys->before = (struct cm_sha256){0};
    keys->before_until_ms = 0;
    keys->begins_ms = begins_ms > keys->begins_ms ? begins_ms : keys->begins_ms;
    keys->approved_ms = now_ms;
}

bool hub_keys_may_renew(int64_t ended_ms, int64_t budget_ms, int64_t approved_ms, int64_t now_ms) {
    if (approved_ms > 0 && now_ms - approved_ms <= APPROVAL_MS) {
        return true;
    }
    return budget_ms > 0 && now_ms - ended_ms <= budget_ms;
}
