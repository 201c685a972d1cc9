#include "hub/repo/tree.h"

#include "tests/unit/hub/repo/scratch.h"

#include "common/buf.h"
#include "common/map.h"

#define BIG ((size_t)1 << 20)

static struct hub_repo *open_repo(const struct scratch *s) {
    CM_AUTOFREE char *path = scratch_path(s, "r");
    struct hub_repo *repo = NULL;
    struct cm_err err = {0};

    if (hub_repo_open_local(path, &repo, &err) != CM_OK) {
        fail_msg("%s", err.msg);
    }
    return repo;
}

// make_commit runs a script in an empty repository, commits everything and returns the commit.
static struct hub_repo_id make_commit(const struct scratch *s, const char *script) {
    CM_AUTOFREE char *whole = cm_strf("test -d r || git init -q -b main r; cd r; %s\n"
                                      "git add -A >&2; git commit -q --allow-empty -m one >&2; "
                                      "git rev-parse HEAD",
                                      script);

    return scratch_id(s, whole);
}

static struct hub_repo_id next_commit(const struct scratch *s, const char *script) {
    CM_AUTOFREE char *whole = cm_strf("cd r; %s\ngit add -A >&2; "
                                      "git commit -q --allow-empty -m next >&2; git rev-parse HEAD",
                                      script);

    return scratch_id(s, whole);
}

// tree_commit makes a commit of a tree that a script prints the id of, without an index to object.
static struct hub_repo_id tree_commit(const struct scratch *s, const char *script) {
    CM_AUTOFREE char *whole = cm_strf("test -d r || git init -q -b main r; cd r; tree=$(%s); "
                                      "git commit-tree -m one $tree",
                                      script);

    return scratch_id(s, whole);
}

// show writes entries as "+path " with a mark for what they are.
static char *show(const struct hub_entries *e) {
    static const char changes[] = " +*-";
    static const char types[] = "f@m!";
    struct cm_str out = {0};

    for (size_t i = 0; i < e->count; i++) {
        cm_str_addf(&out, "%s%c%c%s", i > 0 ? " " : "", changes[e->items[i].change],
                    types[e->items[i].type], e->items[i].path);
        assert_true(cm_fsys_path_ok(e->items[i].path));
    }
    return cm_str_take(&out);
}

static enum cm_rc list(struct hub_repo *repo, struct hub_repo_id commit, const char *prefix,
                       const struct hub_tree_limits *limits, struct hub_entries *out,
                       struct cm_err *err) {
    CM_CLEANUP(hub_tree_freep) struct hub_tree *tree = NULL;

    if (hub_repo_tree(repo, &commit, &tree, err) < 0) {
        return err->code;
    }
    return hub_tree_list(tree, prefix, limits, out, err);
}

static void expect_list(struct hub_repo *repo, struct hub_repo_id commit, const char *prefix,
                        const char *expected) {
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    struct cm_err err = {0};

    if (list(repo, commit, prefix, NULL, &entries, &err) != CM_OK) {
        fail_msg("%s", err.msg);
    }
    CM_AUTOFREE char *got = show(&entries);
    assert_string_equal(got, expected);
}

static void expect_diff(struct hub_repo *repo, struct hub_repo_id old, struct hub_repo_id now,
                        const char *prefix, const char *expected) {
    const struct hub_repo_range range = {.old = old, .now = now, .prefix = prefix};
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    struct cm_err err = {0};

    if (hub_repo_diff(repo, &range, NULL, &entries, &err) != CM_OK) {
        fail_msg("%s", err.msg);
    }
    CM_AUTOFREE char *got = show(&entries);
    assert_string_equal(got, expected);
}

static void all_files_are_listed_sorted_by_path(void **state) {
    struct hub_repo_id c = make_commit(*state, "mkdir -p a/b d; touch a/b/c a.x z d/e; "
                                               "echo 1 >a/y; chmod +x z");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);

    expect_list(repo, c, "", " fa.x  fa/b/c  fa/y  fd/e  fz");
}

static void a_list_may_begin_at_a_folder_or_be_one_file(void **state) {
    struct hub_repo_id c = make_commit(*state, "mkdir -p a/b; touch a/b/c a/d a.x");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    struct hub_entries entries = {0};
    struct cm_err err;

    expect_list(repo, c, "a", " fa/b/c  fa/d");
    expect_list(repo, c, "a/b/c", " fa/b/c");
    assert_int_equal(list(repo, c, "b", NULL, &entries, &err), CM_ENOTFOUND);
    assert_int_equal(list(repo, c, "a/d/e", NULL, &entries, &err), CM_ENOTFOUND);
    assert_int_equal(list(repo, c, "../a", NULL, &entries, &err), CM_EINVAL);
    assert_int_equal(list(repo, c, "a/", NULL, &entries, &err), CM_EINVAL);
}

static void entries_carry_blob_and_mode(void **state) {
    struct hub_repo_id c = make_commit(*state, "echo x >x; chmod +x x; echo y >y");
    struct hub_repo_id x = scratch_id(*state, "cd r; git rev-parse HEAD:x");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    CM_CLEANUP(hub_entries_done) struct hub_entries entries = {0};
    struct cm_err err;

    assert_int_equal(list(repo, c, "", NULL, &entries, &err), CM_OK);
    assert_true(hub_repo_id_equal(&entries.items[0].id, &x));
    assert_true(entries.items[0].executable);
    assert_false(entries.items[1].executable);
}

static void links_and_submodules_are_named_as_such(void **state) {
    struct hub_repo_id c = make_commit(
        *state, "git commit -q --allow-empty -m zero; ln -s /etc/shadow link; touch file; "
                "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),module");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    CM_CLEANUP(hub_tree_freep) struct hub_tree *tree = NULL;
    struct cm_buf *buf = NULL;
    struct cm_err err;

    // `git add -A` above takes a module without a folder away; so the tree is built by hand
    c = tree_commit(*state, "git ls-tree HEAD >t; printf '160000 commit %s\\tmodule\\n' "
                            "$(git rev-parse HEAD) >>t; git mktree <t; rm t");
    expect_list(repo, c, "", " ffile  @link  mmodule");
    assert_int_equal(hub_repo_tree(repo, &c, &tree, &err), CM_OK);
    assert_int_equal(hub_tree_read(tree, "link", BIG, &buf, &err), CM_EINVAL);
    assert_int_equal(hub_tree_read(tree, "link/passwd", BIG, &buf, &err), CM_ENOTFOUND);
    assert_int_equal(hub_tree_read(tree, "module", BIG, &buf, &err), CM_EINVAL);
}

// A tree with one file of this name (in the notation of printf), whatever Git thinks of it.
#define RAW_TREE(name)                                                                             \
    "b=$(echo x | git hash-object -w --stdin); { printf '100644 " name                             \
    "\\0'; echo $b | tr -d '\\n' | sed 's/../\\\\x&/g' | xargs -0 -I{} /usr/bin/printf {}; } "     \
    ">raw; "                                                                                       \
    "git hash-object -t tree -w --literally raw"

static void expect_unsafe(void **state, const char *script, const char *expected) {
    const struct scratch *s = *state;
    struct hub_repo_id c = tree_commit(s, script);
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(s);

    expect_list(repo, c, "", expected);
}

static void names_that_could_do_harm_are_unsafe_and_made_harmless(void **state) {
    expect_unsafe(state, RAW_TREE(".."), " !\\x2E\\x2E");
    expect_unsafe(state, RAW_TREE("."), " !\\x2E");
    expect_unsafe(state, RAW_TREE("a/../../b"), " !a\\x2F..\\x2F..\\x2Fb");
    expect_unsafe(state, RAW_TREE("/etc"), " !\\x2Fetc");
    expect_unsafe(state, RAW_TREE("a\\nb"), " !a\\x0Ab");
    expect_unsafe(state, RAW_TREE("a\\\\b"), " !a\\x5Cb");
    expect_unsafe(state, RAW_TREE("a\\377"), " !a\\xFF");
}

static void git_folders_in_all_disguises_are_unsafe(void **state) {
    expect_unsafe(state, RAW_TREE(".git"), " !.git");
    expect_unsafe(state, RAW_TREE(".GiT"), " !.GiT");
    expect_unsafe(state, RAW_TREE(".git. ."), " !.git. .");
    expect_unsafe(state, RAW_TREE("GIT~1"), " !GIT~1");
    expect_unsafe(state, RAW_TREE(".git:x"), " !.git:x");
    expect_unsafe(state, RAW_TREE(".g\\342\\200\\214it"), " !.g\xe2\x80\x8cit");
    expect_unsafe(state, RAW_TREE(".gitignore"), "  f.gitignore" + 1);
}

static void what_is_below_an_unsafe_folder_is_one_entry(void **state) {
    struct hub_repo_id c = tree_commit(
        *state, "b=$(echo x | git hash-object -w --stdin); "
                "t=$(printf '100644 blob %s\\tconfig\\n' $b | git mktree); "
                "{ printf '40000 .git\\0'; echo $t | tr -d '\\n' | sed 's/../\\\\x&/g' | "
                "xargs -0 -I{} /usr/bin/printf {}; } >raw; "
                "git hash-object -t tree -w --literally raw");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);

    expect_list(repo, c, "", " !.git");
}

static void a_name_that_is_there_twice_is_refused(void **state) {
    struct hub_repo_id c = tree_commit(
        *state, "b=$(echo x | git hash-object -w --stdin); "
                "i=$(echo $b | tr -d '\\n' | sed 's/../\\\\x&/g'); "
                "{ printf '100644 a\\0'; /usr/bin/printf $i; printf '100644 a\\0'; "
                "/usr/bin/printf $i; } >raw; git hash-object -t tree -w --literally raw");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    struct hub_entries entries = {0};
    struct cm_err err;

    assert_int_equal(list(repo, c, "", NULL, &entries, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "malformed"));
}

// Ten folders of ten folders of … ten files: 10^10 files in eleven objects.
#define BOMB(word)                                                                                 \
    "o=$(echo " word " | git hash-object -w --stdin); k='100644 blob'; "                           \
    "for d in 0 1 2 3 4 5 6 7 8 9; do for i in 0 1 2 3 4 5 6 7 8 9; do "                           \
    "printf '%s %s\\tf%s\\n' \"$k\" $o $i; done >t; o=$(git mktree <t); k='040000 tree'; done; "   \
    "rm t; echo $o"

static void a_tree_bomb_is_refused_by_lists(void **state) {
    struct hub_repo_id c = tree_commit(*state, BOMB("boom"));
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    const struct hub_tree_limits limits = {
        .max_entries = 10000, .max_depth = 64, .max_path = 1024, .max_tree_bytes = 1U << 20};
    struct hub_entries entries = {0};
    struct cm_err err;

    assert_int_equal(list(repo, c, "", &limits, &entries, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "more than 10000 files"));
    assert_null(entries.items);
}

static void a_tree_bomb_is_refused_by_diffs(void **state) {
    struct hub_repo_id empty = make_commit(*state, "");
    struct hub_repo_id bomb = tree_commit(*state, BOMB("boom"));
    struct hub_repo_id other = tree_commit(*state, BOMB("bang"));
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    const struct hub_tree_limits limits = {
        .max_entries = 10000, .max_depth = 64, .max_path = 1024, .max_tree_bytes = 1U << 20};
    struct hub_repo_range range = {.old = empty, .now = bomb, .prefix = ""};
    struct hub_entries entries = {0};
    struct cm_err err;

    assert_int_equal(hub_repo_diff(repo, &range, &limits, &entries, &err), CM_EINVAL);
    range = (struct hub_repo_range){.old = bomb, .now = empty, .prefix = ""};
    assert_int_equal(hub_repo_diff(repo, &range, &limits, &entries, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "more than 10000 files"));
    range = (struct hub_repo_range){.old = bomb, .now = other, .prefix = ""};
    assert_int_equal(hub_repo_diff(repo, &range, &limits, &entries, &err), CM_EINVAL);
    expect_diff(repo, bomb, bomb, "", "");
}

static void folders_have_a_greatest_depth_and_paths_a_greatest_length(void **state) {
    struct hub_repo_id c = make_commit(*state, "mkdir -p a/b/c/d; touch a/b/c/d/e");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    struct hub_tree_limits limits = hub_tree_limits_default;
    struct hub_entries entries = {0};
    struct cm_err err;

    limits.max_depth = 3;
    assert_int_equal(list(repo, c, "", &limits, &entries, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "more than 3 folders"));
    limits.max_depth = 4;
    limits.max_path = 8;
    assert_int_equal(list(repo, c, "", &limits, &entries, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "more than 8 bytes"));
    limits.max_path = 9;
    assert_int_equal(list(repo, c, "", &limits, &entries, &err), CM_OK);
    hub_entries_done(&entries);
}

static void a_folder_of_too_many_files_is_not_read(void **state) {
    struct hub_repo_id c = make_commit(*state, "for i in $(seq 100); do echo >$i; done");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    struct hub_tree_limits limits = hub_tree_limits_default;
    struct hub_entries entries = {0};
    struct cm_err err;

    limits.max_tree_bytes = 1000;
    assert_int_equal(list(repo, c, "", &limits, &entries, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "the limit is 1000"));
}

static void a_diff_lists_what_was_added_modified_and_removed(void **state) {
    struct hub_repo_id a = make_commit(*state, "mkdir -p d/e s; echo 1 >d/e/f; echo 1 >g; "
                                               "echo 1 >h; echo 1 >s/same");
    struct hub_repo_id b = next_commit(*state, "echo 2 >d/e/f; rm g; mkdir n; echo 1 >n/o");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);

    expect_diff(repo, a, b, "", "*fd/e/f -fg +fn/o");
    expect_diff(repo, b, a, "", "*fd/e/f +fg -fn/o");
    expect_diff(repo, a, a, "", "");
}

static void a_diff_may_be_of_one_folder(void **state) {
    struct hub_repo_id a = make_commit(*state, "mkdir -p d/e; echo 1 >d/e/f; echo 1 >g");
    struct hub_repo_id b = next_commit(*state, "echo 2 >d/e/f; echo 2 >g; mkdir n; echo >n/o");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);

    expect_diff(repo, a, b, "d", "*fd/e/f");
    expect_diff(repo, a, b, "d/e/f", "*fd/e/f");
    expect_diff(repo, a, b, "n", "+fn/o");
    expect_diff(repo, b, a, "n", "-fn/o");
    expect_diff(repo, a, b, "nowhere", "");
}

static void a_rename_is_one_removed_and_one_added(void **state) {
    struct hub_repo_id a = make_commit(*state, "seq 1000 >old");
    struct hub_repo_id b = next_commit(*state, "mv old new");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);

    expect_diff(repo, a, b, "", "+fnew -fold");
}

static void a_file_may_become_a_folder_and_back(void **state) {
    struct hub_repo_id a = make_commit(*state, "echo 1 >x; echo 1 >x.y");
    struct hub_repo_id b = next_commit(*state, "rm x; mkdir x; echo 1 >x/y");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);

    expect_diff(repo, a, b, "", "-fx +fx/y");
    expect_diff(repo, b, a, "", "+fx -fx/y");
}

static void a_file_may_become_a_link_or_executable(void **state) {
    struct hub_repo_id a = make_commit(*state, "echo 1 >x; echo 1 >y");
    struct hub_repo_id b = next_commit(*state, "rm x; ln -s y x; chmod +x y");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);

    expect_diff(repo, a, b, "", "*@x *fy");
}

static void put(struct cm_map *map, const struct hub_entry *entry) {
    char hex[HUB_REPO_ID_HEX_MAX];

    hub_repo_id_hex(&entry->id, hex);
    cm_map_put(map, entry->path, cm_strdup(hex));
}

static struct cm_map *map_of(const struct hub_entries *entries) {
    struct cm_map *map = cm_map_new(free);

    for (size_t i = 0; i < entries->count; i++) {
        put(map, &entries->items[i]);
    }
    return map;
}

// apply does to a map of a tree what a diff says; only what is there can be removed or modified.
static void apply(struct cm_map *map, const struct hub_entries *diff) {
    for (size_t i = 0; i < diff->count; i++) {
        const struct hub_entry *entry = &diff->items[i];
        bool there = cm_map_get(map, entry->path) != NULL;

        assert_int_equal(there, entry->change != HUB_ENTRY_ADDED);
        if (entry->change == HUB_ENTRY_REMOVED) {
            assert_true(cm_map_remove(map, entry->path));
        } else {
            put(map, entry);
        }
    }
}

static bool is_in(void *other, const char *path, void *hex) {
    const char *there = cm_map_get(other, path);

    assert_non_null(there);
    assert_string_equal(there, hex);
    return true;
}

// The property, on trees that are as good as random: the old list with the diff applied is the new
// list.
static void a_diff_leads_from_the_old_list_to_the_new_one(void **state) {
    struct hub_repo_id a = make_commit(
        *state, "for i in $(seq 60); do p=$((i * 7919 % 5))/$((i * 104729 % 7))/$((i % 3)); "
                "mkdir -p $p; echo $i >$p/f$((i % 11)); done");
    struct hub_repo_id b = next_commit(
        *state, "rm -r 1 2/3; for i in $(seq 40); do p=$((i * 6007 % 6))/$((i * 31 % 9)); "
                "rm -rf $p/2; mkdir -p $p; echo $i >$p/f$((i % 13)); done");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    const struct hub_repo_range range = {.old = a, .now = b, .prefix = ""};
    CM_CLEANUP(hub_entries_done) struct hub_entries old = {0};
    CM_CLEANUP(hub_entries_done) struct hub_entries now = {0};
    CM_CLEANUP(hub_entries_done) struct hub_entries diff = {0};
    struct cm_err err;

    assert_int_equal(list(repo, a, "", NULL, &old, &err), CM_OK);
    assert_int_equal(list(repo, b, "", NULL, &now, &err), CM_OK);
    assert_int_equal(hub_repo_diff(repo, &range, NULL, &diff, &err), CM_OK);
    assert_true(diff.count > 20);

    CM_CLEANUP(cm_map_freep) struct cm_map *applied = map_of(&old);
    CM_CLEANUP(cm_map_freep) struct cm_map *expected = map_of(&now);
    apply(applied, &diff);
    assert_int_equal(cm_map_len(applied), now.count);
    cm_map_each(expected, is_in, applied);
}

static void a_missing_folder_object_is_a_failure_and_not_absence(void **state) {
    struct hub_repo_id a = make_commit(*state, "mkdir -p d/e; echo 1 >d/e/f");
    struct hub_repo_id b = next_commit(*state, "echo 2 >d/e/f");
    struct hub_repo_range range = {.old = a, .now = b, .prefix = "d/e/f"};
    struct hub_entries entries = {0};
    struct cm_err err;

    scratch_run(*state, "cd r; o=$(git rev-parse HEAD:d/e); "
                        "rm -f .git/objects/$(echo $o | cut -c1-2)/$(echo $o | cut -c3-)");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    assert_int_equal(list(repo, b, "", NULL, &entries, &err), CM_EIO);
    assert_int_equal(hub_repo_diff(repo, &range, NULL, &entries, &err), CM_EIO);
    range.prefix = "";
    assert_int_equal(hub_repo_diff(repo, &range, NULL, &entries, &err), CM_EIO);
}

static void files_are_read_by_path_and_by_id_up_to_a_size(void **state) {
    struct hub_repo_id c = make_commit(*state, "mkdir d; printf hello >d/f; printf '' >e");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    CM_CLEANUP(hub_tree_freep) struct hub_tree *tree = NULL;
    struct hub_repo_id id = scratch_id(*state, "cd r; git rev-parse HEAD:d/f");
    struct cm_buf *buf = NULL;
    struct cm_err err;

    assert_int_equal(hub_repo_tree(repo, &c, &tree, &err), CM_OK);
    assert_int_equal(hub_tree_read(tree, "d/f", 5, &buf, &err), CM_OK);
    assert_int_equal(buf->size, 5);
    assert_memory_equal(buf->data, "hello", 5);
    cm_buf_unref(buf);
    assert_int_equal(hub_tree_read_id(tree, &id, 5, &buf, &err), CM_OK);
    assert_memory_equal(buf->data, "hello", 5);
    cm_buf_unref(buf);
    assert_int_equal(hub_tree_read(tree, "e", 0, &buf, &err), CM_OK);
    assert_int_equal(buf->size, 0);
    cm_buf_unref(buf);
    assert_int_equal(hub_tree_read(tree, "d/f", 4, &buf, &err), CM_EINVAL);
    assert_non_null(strstr(err.msg, "d/f"));
    assert_int_equal(hub_repo_read_blob(repo, &id, 4, &buf, &err), CM_EINVAL);
    assert_int_equal(hub_tree_read(tree, "d", 5, &buf, &err), CM_EINVAL);
    assert_int_equal(hub_tree_read(tree, "x", 5, &buf, &err), CM_ENOTFOUND);
    assert_int_equal(hub_tree_read(tree, "../x", 5, &buf, &err), CM_EINVAL);
    assert_int_equal(hub_repo_read_blob(repo, &c, BIG, &buf, &err), CM_EINVAL);
    id.bytes[0] ^= 1;
    assert_int_equal(hub_repo_read_blob(repo, &id, 5, &buf, &err), CM_ENOTFOUND);
}

static void a_commit_tells_who_when_and_what(void **state) {
    struct hub_repo_id c = scratch_id(
        *state,
        "test -d r || git init -q -b main r; cd r; git commit -q --allow-empty -F - <<'END' >&2\n"
        "Raise the limit\n\nBecause.\n\nApp: web\nReviewed-by: Bob <b@x>\nEND\n"
        "git rev-parse HEAD");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    CM_CLEANUP(hub_commit_done) struct hub_commit commit = {0};
    struct cm_err err;

    assert_int_equal(hub_repo_resolve(repo, "main", &commit, &err), CM_OK);
    assert_true(hub_repo_id_equal(&commit.id, &c));
    assert_string_equal(commit.author_name, "Ada");
    assert_string_equal(commit.author_email, "ada@example.com");
    assert_string_equal(commit.subject, "Raise the limit");
    assert_string_equal(commit.trailers, "App: web\nReviewed-by: Bob <b@x>\n");
    assert_int_equal(commit.authored_ms, 1700000000000);
    assert_int_equal(commit.committed_ms, 1700000100000);
    assert_int_equal(commit.parents, 0);
}

static void texts_of_a_commit_are_made_printable(void **state) {
    scratch_run(
        *state,
        "test -d r || git init -q -b main r; cd r; printf 'a\\033[2Jb \\377 \\303\\244\\n' | "
        "git -c i18n.commitEncoding=x commit -q --allow-empty -F -");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    CM_CLEANUP(hub_commit_done) struct hub_commit commit = {0};
    struct cm_err err;

    assert_int_equal(hub_repo_resolve(repo, "HEAD", &commit, &err), CM_OK);
    assert_string_equal(commit.subject, "a?[2Jb ? \xc3\xa4");
    assert_string_equal(commit.trailers, "");
}

static void expect_resolved(struct hub_repo *repo, const char *revision,
                            const struct hub_repo_id *id) {
    CM_CLEANUP(hub_commit_done) struct hub_commit commit = {0};
    struct cm_err err = {0};

    if (hub_repo_resolve(repo, revision, &commit, &err) != CM_OK) {
        fail_msg("%s: %s", revision, err.msg);
    }
    assert_true(hub_repo_id_equal(&commit.id, id));
}

static void a_commit_is_found_by_id_branch_tag_and_steps_back(void **state) {
    struct hub_repo_id a = make_commit(*state, "");
    struct hub_repo_id b = next_commit(*state, "git tag -a -m x v1; git tag light");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    char hex[HUB_REPO_ID_HEX_MAX];

    hub_repo_id_hex(&a, hex);
    expect_resolved(repo, hex, &a);
    hex[7] = '\0';
    expect_resolved(repo, hex, &a);
    expect_resolved(repo, "HEAD", &b);
    expect_resolved(repo, "main", &b);
    expect_resolved(repo, "refs/heads/main", &b);
    expect_resolved(repo, "v1", &a);
    expect_resolved(repo, "light", &a);
    expect_resolved(repo, "HEAD~1", &a);
    expect_resolved(repo, "main~", &a);
    expect_resolved(repo, "main~0", &b);
}

static void what_is_no_commit_is_not_found(void **state) {
    struct hub_repo_id a = make_commit(*state, "echo >f");
    CM_AUTOFREE char *tree = scratch_sh(*state, "cd r; git rev-parse HEAD:");
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    struct hub_commit commit = {0};
    struct cm_err err;

    (void)a;
    assert_int_equal(hub_repo_resolve(repo, "nobody", &commit, &err), CM_ENOTFOUND);
    assert_int_equal(hub_repo_resolve(repo, "HEAD~1", &commit, &err), CM_ENOTFOUND);
    assert_int_equal(hub_repo_resolve(repo, "HEAD~10001", &commit, &err), CM_EINVAL);
    assert_int_equal(hub_repo_resolve(repo, "HEAD~x", &commit, &err), CM_EINVAL);
    assert_int_equal(hub_repo_resolve(repo, "HEAD~99999999999999", &commit, &err), CM_EINVAL);
    assert_int_equal(hub_repo_resolve(repo, "", &commit, &err), CM_EINVAL);
    assert_int_equal(hub_repo_resolve(repo, "../HEAD", &commit, &err), CM_ENOTFOUND);
    assert_int_equal(hub_repo_resolve(repo, tree, &commit, &err), CM_EINVAL);
    assert_int_equal(hub_repo_resolve(repo, "0123456789", &commit, &err), CM_ENOTFOUND);
}

static void ancestors_are_told_from_commits_that_were_forced_away(void **state) {
    struct hub_repo_id a = make_commit(*state, "");
    struct hub_repo_id b = next_commit(*state, "echo 1 >f");
    struct hub_repo_id c = next_commit(*state, "git reset -q --hard HEAD~1; echo 2 >f");
    struct hub_repo_id nobody = {{1}};
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    struct cm_err err;
    bool is = false;

    assert_int_equal(hub_repo_is_ancestor(repo, &a, &c, &is, &err), CM_OK);
    assert_true(is);
    assert_int_equal(hub_repo_is_ancestor(repo, &c, &c, &is, &err), CM_OK);
    assert_true(is);
    assert_int_equal(hub_repo_is_ancestor(repo, &b, &c, &is, &err), CM_OK);
    assert_false(is);
    assert_int_equal(hub_repo_is_ancestor(repo, &nobody, &c, &is, &err), CM_OK);
    assert_false(is);
}

static void expect_passed(struct hub_repo *repo, const struct hub_repo_id *old,
                          const struct hub_repo_id *now, size_t max, const char *expected) {
    CM_AUTOFREE char *ids = NULL;
    char hex[HUB_REPO_ID_HEX_MAX];
    struct cm_err err;

    hub_repo_id_hex(old, hex);
    assert_int_equal(hub_repo_passed(repo, hex, now, max, &ids, &err), CM_OK);
    assert_string_equal(ids, expected);
}

#define LATER(hours) "export GIT_COMMITTER_DATE=2035-01-01T0" hours ":00:00Z"

static void commits_that_come_with_another_one_are_listed(void **state) {
    struct hub_repo_id a = make_commit(*state, "");
    struct hub_repo_id b = next_commit(*state, "git checkout -q -b side; echo 1 >f");
    struct hub_repo_id c = next_commit(*state, "git checkout -q main; echo 2 >g; " LATER("1"));
    struct hub_repo_id d = next_commit(*state, "git merge -q --no-commit side >&2; " LATER("2"));
    struct hub_repo_id nobody = {{1}};
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    char side[HUB_REPO_ID_HEX_MAX];
    char main[HUB_REPO_ID_HEX_MAX];
    char *ids = NULL;
    struct cm_err err;

    hub_repo_id_hex(&b, side);
    hub_repo_id_hex(&c, main);
    CM_AUTOFREE char *one = cm_strf("%s ", side);
    CM_AUTOFREE char *newer = cm_strf("%s ", main);
    CM_AUTOFREE char *both = cm_strf("%s %s ", main, side);

    expect_passed(repo, &a, &d, 10, both);
    expect_passed(repo, &c, &d, 10, one);
    expect_passed(repo, &a, &d, 1, newer);
    expect_passed(repo, &a, &b, 10, "");
    expect_passed(repo, &d, &a, 10, "");
    expect_passed(repo, &d, &d, 10, "");
    expect_passed(repo, &d, &c, 10, "");
    assert_int_equal(hub_repo_passed(repo, "01", &d, 10, &ids, &err), CM_EINVAL);
    hub_repo_id_hex(&nobody, side);
    assert_int_equal(hub_repo_passed(repo, side, &d, 10, &ids, &err), CM_ENOTFOUND);
}

// A merge of 21,000 commits without parents, with times in no order.
#define HYDRA                                                                                      \
    "awk 'BEGIN {"                                                                                 \
    "for (i = 1; i <= 21000; i++) printf(\"commit refs/heads/r\\nmark :%d\\ncommitter a <a@b> %d " \
    "+0000\\ndata 0\\n\\nreset refs/heads/r\\n\\n\", i, 1600000000 + i * 7919 % 21000);"           \
    "print \"commit refs/heads/h\\ncommitter a <a@b> 1700000000 +0000\\ndata 0\";"                 \
    "for (i = 1; i <= 21000; i++) print \"merge :\" i; print \"\" }' | git -C r fast-import "      \
    "--quiet; git -C r rev-parse h"

static bool count_commit(void *ctx, const struct hub_commit *commit) {
    (void)commit;
    ++*(size_t *)ctx;
    return true;
}

static void of_a_history_as_wide_as_a_repository_no_more_is_read_than_of_any(void **state) {
    struct hub_repo_id a = make_commit(*state, "");
    struct hub_repo_id many = scratch_id(*state, HYDRA);
    CM_CLEANUP(hub_repo_closep) struct hub_repo *repo = open_repo(*state);
    char hex[HUB_REPO_ID_HEX_MAX];
    char *ids = NULL;
    size_t count = 0;
    struct cm_err err;

    hub_repo_id_hex(&a, hex);
    assert_int_equal(hub_repo_passed(repo, hex, &many, 10, &ids, &err), CM_EINVAL);
    assert_int_equal(hub_repo_history(repo, &many, count_commit, &count, &err), CM_OK);
    assert_int_equal(count, 20000);
}

static void a_local_repository_is_found_from_below_and_when_bare(void **state) {
    struct hub_repo_id c = make_commit(*state, "mkdir -p a/b; touch a/b/c");
    CM_AUTOFREE char *below = scratch_path(*state, "r/a/b");
    CM_AUTOFREE char *bare = scratch_path(*state, "bare");
    CM_AUTOFREE char *none = scratch_path(*state, "none");
    struct hub_repo *repo = NULL;
    struct cm_err err;

    scratch_run(*state, "git clone -q --bare r bare; mkdir none");
    assert_int_equal(hub_repo_open_local(below, &repo, &err), CM_OK);
    assert_non_null(strstr(hub_repo_work_folder(repo), "/r/"));
    expect_resolved(repo, "HEAD", &c);
    hub_repo_close(repo);
    assert_int_equal(hub_repo_open_local(bare, &repo, &err), CM_OK);
    assert_null(hub_repo_work_folder(repo));
    hub_repo_close(repo);
    assert_int_equal(hub_repo_open_local(none, &repo, &err), CM_ENOTFOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(all_files_are_listed_sorted_by_path),
        TEST(a_list_may_begin_at_a_folder_or_be_one_file),
        TEST(entries_carry_blob_and_mode),
        TEST(links_and_submodules_are_named_as_such),
        TEST(names_that_could_do_harm_are_unsafe_and_made_harmless),
        TEST(git_folders_in_all_disguises_are_unsafe),
        TEST(what_is_below_an_unsafe_folder_is_one_entry),
        TEST(a_name_that_is_there_twice_is_refused),
        TEST(a_tree_bomb_is_refused_by_lists),
        TEST(a_tree_bomb_is_refused_by_diffs),
        TEST(folders_have_a_greatest_depth_and_paths_a_greatest_length),
        TEST(a_folder_of_too_many_files_is_not_read),
        TEST(a_diff_lists_what_was_added_modified_and_removed),
        TEST(a_diff_may_be_of_one_folder),
        TEST(a_rename_is_one_removed_and_one_added),
        TEST(a_file_may_become_a_folder_and_back),
        TEST(a_file_may_become_a_link_or_executable),
        TEST(a_diff_leads_from_the_old_list_to_the_new_one),
        TEST(a_missing_folder_object_is_a_failure_and_not_absence),
        TEST(files_are_read_by_path_and_by_id_up_to_a_size),
        TEST(a_commit_tells_who_when_and_what),
        TEST(texts_of_a_commit_are_made_printable),
        TEST(a_commit_is_found_by_id_branch_tag_and_steps_back),
        TEST(what_is_no_commit_is_not_found),
        TEST(ancestors_are_told_from_commits_that_were_forced_away),
        TEST(commits_that_come_with_another_one_are_listed),
        TEST(of_a_history_as_wide_as_a_repository_no_more_is_read_than_of_any),
        TEST(a_local_repository_is_found_from_below_and_when_bare),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
