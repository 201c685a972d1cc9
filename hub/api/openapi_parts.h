// openapi_parts: the smaller pieces of the API's description.
//
// All of it lives in the arena.
//
// Threads: any; pure.
#pragma once

struct cm_arena;
struct cm_json;
struct hub_filter;
struct hub_list;
struct hub_member;

// Text without control characters, which no address may have.
#define HUB_OPENAPI_PLAIN "^[^\\u0000-\\u001f\\u007f]*$"

struct cm_json *hub_openapi_type(struct cm_arena *a, const char *type);
struct cm_json *hub_openapi_ref(struct cm_arena *a, const char *kind, const char *name);
struct cm_json *hub_openapi_array(struct cm_arena *a, struct cm_json *items);

// hub_openapi_word adds a text to an array of them.
void hub_openapi_word(struct cm_arena *a, struct cm_json *array, const char *word);

// hub_openapi_object makes the schema of an object with these members and no others.
struct cm_json *hub_openapi_object(struct cm_arena *a, const struct hub_member *members);
struct cm_json *hub_openapi_member(struct cm_arena *a, const struct hub_member *m);

// The schemas of parameters of lists.
struct cm_json *hub_openapi_filter(struct cm_arena *a, const struct hub_filter *f);
struct cm_json *hub_openapi_sort(struct cm_arena *a, const struct hub_list *list);
struct cm_json *hub_openapi_fields(struct cm_arena *a, const struct hub_list *list);
