// ignore: a .holdfastignore file, which has the syntax of gitignore(5).
//
// The last pattern that matches counts; `!` takes back; a trailing '/' means folders only; a
// pattern with a '/' elsewhere begins at the folder of the file, others match at any depth.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct hub_ignore;

#define HUB_IGNORE_FILE ".holdfastignore"
#define HUB_IGNORE_MAX ((size_t)16 * 1024) // bytes of such a file

enum hub_verdict { HUB_VERDICT_NONE, HUB_VERDICT_IGNORED, HUB_VERDICT_WANTED };

struct hub_ignore *hub_ignore_new(const void *text, size_t size);
void hub_ignore_free(struct hub_ignore *ignore); // NULL is fine

// hub_ignore_judge says what the file says of a path below its folder.
enum hub_verdict hub_ignore_judge(const struct hub_ignore *ignore, const char *path, size_t len,
                                  bool is_folder);
