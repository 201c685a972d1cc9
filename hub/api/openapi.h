// openapi: the API's description of itself, OpenAPI 3.1, written from the tables that it works by:
// the routes (routes.h), the lists and their filters (hub/store/query_lists.h), the details.
//
// Threads: any; pure.
#pragma once

struct cm_arena;
struct cm_json;
struct cm_str;

// hub_openapi_write writes the document in canonical form.
void hub_openapi_write(struct cm_str *out);

// hub_openapi_schemas makes the object of all schemas that have a name (openapi_schemas.c).
struct cm_json *hub_openapi_schemas(struct cm_arena *a);
