// The patterns of .holdfastignore against what Git itself says.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/mem.h"
#include "hub/fleet/glob.h"
#include "hub/fleet/ignore.h"

// Made with `git check-ignore --no-index` (Git 2.39) for each of the cases. (Left out: `x**/z`,
// where Git does something else than its manual says.)
static const char *const paths[] = {"a",
                                    "b",
                                    "a.yaml",
                                    "foo",
                                    "foo/a",
                                    "foo/a.yaml",
                                    "foo/bar/a.yaml",
                                    "foo/bar/baz/b.yaml",
                                    "bar/foo/a",
                                    "ab",
                                    "abc",
                                    "a b",
                                    "x/y/z",
                                    "x/y/z.yaml",
                                    "#a",
                                    "!a",
                                    "a\\b",
                                    "doc/frotz/x",
                                    "a/doc/frotz/x",
                                    "a1",
                                    "a-b",
                                    "[a]",
                                    "z "};

static const struct {
    const char *patterns;
    const char *ignored; // one character a path: x is ignored
} cases[] = {
    {"a", "x...x...x.........x...."},
    {"*.yaml", "..x..xxx.....x........."},
    {"/a", "x.................x...."},
    {"foo/", "....xxxxx.............."},
    {"foo", "...xxxxxx.............."},
    {"foo/*", "....xxxx..............."},
    {"foo/**", "....xxxx..............."},
    {"**/foo", "...xxxxxx.............."},
    {"**/a.yaml", "..x..xx................"},
    {"foo/**/a.yaml", ".....xx................"},
    {"foo/**/b.yaml", ".......x..............."},
    {"/foo/bar", "......xx..............."},
    {"doc/frotz", ".................x....."},
    {"doc/frotz/", ".................x....."},
    {"a?", ".........x.........x..."},
    {"a[b-d]", ".........x............."},
    {"a[!b]", "...................x..."},
    {"a[^0-9]", ".........x............."},
    {"[[:alpha:]]", "xx..x...x...xx...xx...."},
    {"[[:alpha:]][[:digit:]]", "...................x..."},
    {"\\#a", "..............x........"},
    {"\\!a", "...............x......."},
    {"#a", "......................."},
    {"!a", "......................."},
    {"a\\ b", "...........x..........."},
    {"a b", "...........x..........."},
    {"z ", "............x.........."},
    {"z\\ ", "......................x"},
    {"a\\\\b", "................x......"},
    {"**", "xxxxxxxxxxxxxxxxxxxxxxx"},
    {"*", "xxxxxxxxxxxxxxxxxxxxxxx"},
    {"/*", "xxxxxxxxxxxxxxxxxxxxxxx"},
    {"?", "xx..x...x...xx...xx...."},
    {"**/", "....xxxxx...xx...xx...."},
    {"a**", "x.x.xxx.xxxx....x.xxx.."},
    {"**b", ".x.......x.x....x...x.."},
    {"x/**/z", "............x.........."},
    {"x/*/z", "............x.........."},
    {"x/**", "............xx........."},
    {"**/y/**", "............xx........."},
    {"***", "xxxxxxxxxxxxxxxxxxxxxxx"},
    {"a[", "......................."},
    {"[a", "......................."},
    {"[]a]", "x...x...x.........x...."},
    {"\\[a\\]", ".....................x."},
    {"[a-]", "x...x...x.........x...."},
    {"a[]-]b", "....................x.."},
    {"a[-]b", "....................x.."},
    {"[z-a]", "............x.........."},
    {"x/y", "............xx........."},
    {"x/y/", "............xx........."},
    {"/", "......................."},
    {"//", "......................."},
    {"foo//a", "......................."},
    {"foo/bar/", "......xx..............."},
    {"*/bar", "......xx..............."},
    {"**/bar", "......xxx.............."},
    {"[[:foo:]]", "......................."},
    {"a[\\]b]", ".........x............."},
    {"bar/**/foo/a", "........x.............."},
    {"foo/***/a.yaml", ".....xx................"},
    {"x/**z", "......................."},
    {"a\\", "......................."},
    {"foo/\n!foo/a", "....xxxxx.............."},
    {"*\n!a.yaml", "xx.xxxxxxxxxxxxxxxxxxxx"},
    {"*\n!*/\n!*.yaml", "xx.xx...xxxxx.xxxxxxxxx"},
    {"/*\n!/foo\n/foo/*\n!/foo/bar", "xxx.xx..xxxxxxxxxxxxxxx"},
    {"a.yaml\n!foo/a.yaml\nfoo/bar/a.yaml", "..x...x................"},
    {"foo/*\n!foo/bar\n", "....xx................."},
    {"*.yaml\r\n!a.yaml\r\n", ".......x.....x........."},
    {"\xEF\xBB\xBF"
     "*.yaml",
     "..x..xxx.....x........."},
    {"a.yaml  \n", "..x..xx................"},
    {"# c\n\n*.yaml\n", "..x..xxx.....x........."},
};

// is_ignored goes down a path as the fleet does: what is below an ignored folder cannot be taken
// back.
static bool is_ignored(const struct hub_ignore *ignore, const char *path) {
    bool ignored = false;

    for (const char *slash = strchr(path, '/'); slash != NULL && !ignored;
         slash = strchr(slash + 1, '/')) {
        ignored =
            hub_ignore_judge(ignore, path, (size_t)(slash - path), true) == HUB_VERDICT_IGNORED;
    }
    return ignored || hub_ignore_judge(ignore, path, strlen(path), false) == HUB_VERDICT_IGNORED;
}

static void patterns_mean_what_git_says(void **state) {
    size_t failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct hub_ignore *ignore = hub_ignore_new(cases[i].patterns, strlen(cases[i].patterns));

        for (size_t k = 0; k < sizeof(paths) / sizeof(*paths); k++) {
            if (is_ignored(ignore, paths[k]) != (cases[i].ignored[k] == 'x')) {
                print_error("'%s' of '%s': Git says %c\n", cases[i].patterns, paths[k],
                            cases[i].ignored[k]);
                failures++;
            }
        }
        hub_ignore_free(ignore);
    }
    assert_int_equal(failures, 0);
}

static void a_pattern_made_to_be_slow_is_not(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    char pattern[HUB_GLOB_MAX];
    char path[4096];

    (void)state;
    for (size_t i = 0; i < sizeof(pattern); i++) {
        pattern[i] = "**/a*"[i % 5];
    }
    for (size_t i = 0; i < sizeof(path); i++) {
        path[i] = i % 2 == 0 ? 'a' : '/';
    }
    const struct hub_glob *glob = hub_glob_new(arena, pattern, sizeof(pattern), false);
    assert_false(hub_glob_match(glob, path, 300));
    assert_true(hub_glob_match(hub_glob_new(arena, "**/a/**", 7, false), path, sizeof(path)));
}

static void a_pattern_that_is_too_long_matches_nothing(void **state) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *arena = cm_arena_new(0);
    char pattern[HUB_GLOB_MAX + 1];

    (void)state;
    memset(pattern, 'a', sizeof(pattern));
    const struct hub_glob *just = hub_glob_new(arena, pattern, HUB_GLOB_MAX, true);
    const struct hub_glob *over = hub_glob_new(arena, pattern, HUB_GLOB_MAX + 1, true);
    assert_true(hub_glob_match(just, pattern, HUB_GLOB_MAX));
    assert_false(hub_glob_match(over, pattern, HUB_GLOB_MAX + 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_mean_what_git_says),
        cmocka_unit_test(a_pattern_made_to_be_slow_is_not),
        cmocka_unit_test(a_pattern_that_is_too_long_matches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
