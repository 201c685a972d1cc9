// labels: what the API server takes as labels and annotations of an object.
//
// Checked twice: as it is written, and again once variables are put in.
//
// Threads: any; pure.
#pragma once

struct cm_json;
struct hub_diags;
struct hub_template;

// hub_labels_check checks what has no variables.
void hub_labels_check(const struct hub_template *t, struct hub_diags *diags);

// hub_labels_check_filled checks an object of which nothing is open any more, of the file `path`.
void hub_labels_check_filled(const struct cm_json *object, const char *path,
                             struct hub_diags *diags);
