#include "agent/kube/digests.h"

#include <stdlib.h>
#include <string.h>

#include "agent/driver.h"
#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

#define DIGEST "@sha256:"
#define DIGITS 64

static const char *text_of(const struct cm_json *node, const char *key) {
    const char *text = cm_json_string(cm_json_get(node, key));

    return text == NULL ? "" : text;
}

static const struct cm_json *first_of(const struct cm_json *node, const char *key) {
    const struct cm_json *list = cm_json_get(node, key);

    return list == NULL || list->type != CM_ARRAY ? NULL : list->first;
}

// ---- The template

// is_told tells whether a name or an image can stand in a line.
static bool is_told(const char *text) {
    return text[0] != '\0' && text[strcspn(text, " \t\r\n")] == '\0';
}

static void add_tags(struct cm_str *out, const struct cm_json *spec, const char *list) {
    for (const struct cm_json *c = first_of(spec, list); c != NULL; c = c->next) {
        const char *image = text_of(c, "image");
        const char *name = text_of(c, "name");

        if (is_told(name) && is_told(image) && strchr(image, '@') == NULL) {
            cm_str_addf(out, "%s %s\n", name, image);
        }
    }
}

// pods_of returns what says how its pods are.
static const struct cm_json *pods_of(const struct cm_json *live) {
    const struct cm_json *spec = cm_json_get(live, "spec");
    const struct cm_json *jobs = cm_json_path(spec, "jobTemplate", "spec", NULL);
    const struct cm_json *own = cm_json_path(jobs != NULL ? jobs : spec, "template", "spec", NULL);

    return own != NULL ? own : spec;
}

const char *kube_digests_tags(struct cm_arena *a, const struct cm_json *live) {
    const struct cm_json *spec = pods_of(live);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    add_tags(&text, spec, "initContainers");
    add_tags(&text, spec, "containers");
    return cm_arena_strdup(a, cm_str_get(&text));
}

// ---- Pods

// digest_of returns the digest of an imageID with its '@': "docker-pullable://nginx@sha256:…".
// Without a name it is not what a registry knows it by.
static const char *digest_of(const char *image_id) {
    const char *at = strstr(image_id, DIGEST);

    return at != NULL && at != image_id &&
                   strspn(at + strlen(DIGEST), "0123456789abcdef") == DIGITS &&
                   at[strlen(DIGEST) + DIGITS] == '\0'
               ? at
               : NULL;
}

static const char *last_part(const char *image, size_t size) {
    size_t from = size;

    while (from > 0 && image[from - 1] != '/') {
        from--;
    }
    return image + from;
}

// is_of tells whether a pod's image is what the template says: the same, or from another registry
// or folder, where a webhook puts a mirror in its place.
static bool is_of(const char *image, const char *written, size_t size) {
    size_t own = strcspn(image, "@");
    const char *end = last_part(image, own);
    const char *said = last_part(written, size);
    size_t length = own - (size_t)(end - image);

    return length == size - (size_t)(said - written) && memcmp(end, said, length) == 0;
}

static const char *image_of(const struct cm_json *pod, const char *list, const char *container) {
    const struct cm_json *c = first_of(cm_json_get(pod, "spec"), list);

    while (c != NULL && strcmp(text_of(c, "name"), container) != 0) {
        c = c->next;
    }
    return text_of(c, "image");
}

static void add(struct kube_digests *out, const char *image) {
    size_t at = 0;

    while (at < out->count && strcmp(out->images[at], image) < 0) {
        at++;
    }
    if (at < out->count && strcmp(out->images[at], image) == 0) {
        return;
    }
    if (out->count == AGENT_DIGESTS_MAX || strlen(image) > AGENT_DIGESTS_IMAGE_MAX) {
        out->more = true;
        return;
    }
    if (out->images == NULL) {
        out->images = cm_new(AGENT_DIGESTS_MAX, sizeof(*out->images));
    }
    memmove(out->images + at + 1, out->images + at, (out->count - at) * sizeof(*out->images));
    out->images[at] = cm_strdup(image);
    out->count++;
}

// find_tag returns the image of a container in the lines, NULL if it is not among them.
static const char *find_tag(const char *tags, const char *container, size_t *size) {
    size_t len = strlen(container);

    for (; *tags != '\0'; tags += strcspn(tags, "\n") + 1) {
        if (strncmp(tags, container, len) == 0 && tags[len] == ' ') {
            *size = strcspn(tags + len + 1, "\n");
            return tags + len + 1;
        }
    }
    return NULL;
}

static void read_containers(const char *tags, const struct cm_json *pod, const char *list,
                            const char *statuses, struct kube_digests *out) {
    const struct cm_json *c = first_of(cm_json_get(pod, "status"), statuses);

    for (; c != NULL; c = c->next) {
        const char *name = text_of(c, "name");
        const char *digest = digest_of(text_of(c, "imageID"));
        size_t size = 0;
        const char *written = find_tag(tags, name, &size);

        if (written != NULL && digest != NULL && is_of(image_of(pod, list, name), written, size)) {
            CM_AUTOFREE char *image = cm_strf("%.*s%s", (int)size, written, digest);
            add(out, image);
        }
    }
}

// says_nothing tells whether a pod is going, or nothing of it runs any more.
static bool says_nothing(const struct cm_json *pod, bool ended) {
    const char *phase = text_of(cm_json_get(pod, "status"), "phase");

    return cm_json_path(pod, "metadata", "deletionTimestamp", NULL) != NULL ||
           (!ended && (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0));
}

void kube_digests_read(const char *tags, const struct cm_json *pods, bool ended,
                       struct kube_digests *out) {
    for (const struct cm_json *pod = first_of(pods, "items"); pod != NULL; pod = pod->next) {
        if (!says_nothing(pod, ended)) {
            read_containers(tags, pod, "initContainers", "initContainerStatuses", out);
            read_containers(tags, pod, "containers", "containerStatuses", out);
        }
    }
}

static bool is_found(const struct kube_digests *d, const char *image, size_t size) {
    size_t at = 0;

    while (at < d->count &&
           (strncmp(d->images[at], image, size) != 0 || d->images[at][size] != '@')) {
        at++;
    }
    return at < d->count;
}

void kube_digests_close(const char *tags, struct kube_digests *d) {
    for (const char *at = tags; *at != '\0'; at += strcspn(at, "\n") + 1) {
        const char *image = at + strcspn(at, " ") + 1;

        d->more = d->more || !is_found(d, image, strcspn(image, "\n"));
    }
}

void kube_digests_done(struct kube_digests *d) {
    for (size_t i = 0; i < d->count; i++) {
        free(d->images[i]);
    }
    free(d->images);
    *d = (struct kube_digests){0};
}
