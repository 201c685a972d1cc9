// A plan as a comment of a pull request. Everything that comes from the repository stands in code
// blocks, whose fence is longer than any that the text has, so that it can neither be markup nor
// name people.
#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/plan/paint.h"
#include "hub/plan/show.h"

#define FOLD_LINES 25   // a block of more lines is folded
#define END_BYTES 400   // kept for what is said last
#define BLOCK_BYTES 200 // around a block
#define HEAD_SHARE 4    // deletions and problems get a quarter of the room each

struct page {
    struct cm_str *out;
    size_t max;
    size_t hidden; // Apps that did not fit
};

static size_t room(const struct page *page) {
    size_t used = page->out->len + END_BYTES + BLOCK_BYTES;

    return used < page->max ? page->max - used : 0;
}

static size_t count_lines(const struct cm_str *text) {
    size_t count = 0;

    for (size_t i = 0; i < text->len; i++) {
        count += text->data[i] == '\n' ? 1 : 0;
    }
    return count;
}

// cut keeps whole lines of at most `max` bytes and tells how many lines are left out.
static size_t cut(struct cm_str *text, size_t max) {
    size_t before = count_lines(text);
    size_t keep = max;

    if (text->len <= max) {
        return 0;
    }
    while (keep > 0 && text->data[keep - 1] != '\n') {
        keep--;
    }
    text->len = keep;
    text->data[keep] = '\0';
    return before - count_lines(text);
}

static size_t longest_run(const struct cm_str *text, char c) {
    size_t longest = 0;
    size_t run = 0;

    for (size_t i = 0; i < text->len; i++) {
        run = text->data[i] == c ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static void add_fence(const struct page *page, size_t size, const char *language) {
    for (size_t i = 0; i < size; i++) {
        cm_str_add_char(page->out, '`');
    }
    cm_str_addf(page->out, "%s\n", language);
}

// add_block writes as much of a text as `max` bytes allow, folded if it is long.
static void add_block(const struct page *page, struct cm_str *text, const char *language,
                      size_t max) {
    size_t allowed = max < room(page) ? max : room(page);
    size_t lines = count_lines(text);
    size_t hidden = cut(text, allowed);
    size_t fence = longest_run(text, '`') + 1;
    bool folded = lines > FOLD_LINES;

    if (folded) {
        cm_str_addf(page->out, "<details><summary>%zu lines</summary>\n\n", lines);
    }
    add_fence(page, fence < 3 ? 3 : fence, language);
    cm_str_add_n(page->out, cm_str_get(text), text->len);
    add_fence(page, fence < 3 ? 3 : fence, "");
    if (folded) {
        cm_str_add(page->out, "\n</details>\n");
    }
    if (hidden > 0) {
        cm_str_addf(page->out, "\n… and %zu more lines.\n", hidden);
    }
}

// ---- Parts

static void add_deletions(const struct page *page, const struct hub_plan *plan) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const struct paint p = {.out = &text, .diff = true};

    if (plan->totals.removed == 0) {
        return;
    }
    (void)paint_deletions(&p, plan);
    cm_str_addf(page->out,
                "\n> [!CAUTION]\n> **Deletes %zu object%s** (counted on each cluster).\n\n",
                plan->totals.removed, paint_plural(plan->totals.removed));
    add_block(page, &text, "diff", page->max / HEAD_SHARE);
}

static void add_waits(const struct page *page, const struct hub_plan *plan) {
    CM_CLEANUP(cm_str_done) struct cm_str documents = {0};
    size_t count = hub_plan_confirmations(plan, &documents);

    if (count > 0) {
        cm_str_addf(page->out,
                    "\n> [!CAUTION]\n> **%zu removal%s for a confirmation** (see the problems). If "
                    "%s meant, commit this as a file in `confirmations/`:\n\n",
                    count, count == 1 ? " waits" : "s wait", count == 1 ? "it is" : "they are");
        add_block(page, &documents, "yaml", page->max / HEAD_SHARE);
    }
}

static void add_holds(const struct page *page, const struct hub_plan *plan) {
    for (size_t i = 0; i < plan->hold_count && room(page) > 0; i++) {
        CM_CLEANUP(cm_str_done) struct cm_str words = {0};
        CM_CLEANUP(cm_str_done) struct cm_str safe = {0};

        hub_plan_hold_words(&plan->holds[i], &words);
        paint_safe(&safe, cm_str_get(&words), words.len);
        cm_str_addf(page->out, "%s> %s\n", i == 0 ? "\n> [!NOTE]\n" : ">\n", cm_str_get(&safe));
    }
}

static void add_freezes(const struct page *page, const struct hub_plan *plan) {
    for (size_t i = 0; i < plan->freeze_count && room(page) > 0; i++) {
        CM_CLEANUP(cm_str_done) struct cm_str words = {0};
        CM_CLEANUP(cm_str_done) struct cm_str safe = {0};

        hub_plan_freeze_words(&plan->freezes[i], &words);
        paint_safe(&safe, cm_str_get(&words), words.len);
        cm_str_addf(page->out, "%s> %s\n", i == 0 ? "\n> [!NOTE]\n" : ">\n", cm_str_get(&safe));
    }
}

static void add_clusters(const struct page *page, const struct hub_plan *plan) {
    if (plan->unmanaged_count > 0) {
        cm_str_add(page->out, "\n> [!WARNING]\n> **No longer managed**: ");
        paint_clusters(plan->unmanaged, plan->unmanaged_count, "", page->out);
        cm_str_add(page->out, ". What runs there stays and is left alone.\n");
    }
    if (plan->joined_count > 0) {
        cm_str_add(page->out, "\nNew: ");
        paint_clusters(plan->joined, plan->joined_count, "", page->out);
        cm_str_add(page->out, ".\n");
    }
}

static void add_problems(const struct page *page, const struct hub_plan *plan,
                         const struct hub_plan_view *view, enum hub_plan_news news,
                         const char *title) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    size_t count = hub_plan_count_problems(plan, news);

    if (count == 0) {
        return;
    }
    for (size_t i = 0; i < plan->problem_count; i++) {
        if (plan->problems[i].news == news) {
            hub_problem_line(&plan->problems[i].problem, view->folder, &text);
            cm_str_add_char(&text, '\n');
        }
    }
    cm_str_addf(page->out, "\n**%s (%zu)**\n\n", title, count);
    add_block(page, &text, "text", page->max / HEAD_SHARE);
}

static void add_notes(const struct page *page, const struct hub_plan_app *app) {
    if (app->held > 0) {
        cm_str_addf(page->out, "A problem keeps it as it is on %zu cluster%s.\n\n", app->held,
                    paint_plural(app->held));
    }
    if (app->was_wrong && app->group_count > 0) {
        cm_str_add(page->out,
                   "It had a problem before: what a cluster runs of it may be older.\n\n");
    }
    if (app->suspended > 0) {
        cm_str_addf(page->out, "Suspended on %zu of them: nothing happens there for now.\n\n",
                    app->suspended);
    }
}

#define NOTES_BYTES 400 // an App's title and notes

static void add_title(const struct page *page, const struct hub_plan_app *app) {
    bool changes = app->group_count > 0;
    size_t count = changes ? app->clusters : app->held;

    if (!changes && app->setting_count > 0) {
        cm_str_addf(page->out, "\n#### App `%s`: no cluster now\n\n", app->name);
        return;
    }
    cm_str_addf(page->out, "\n#### App `%s`: %s%zu cluster%s\n\n", app->name,
                changes ? "" : "nothing changes; held on ", count, paint_plural(count));
}

static void add_app(struct page *page, const struct hub_plan_app *app) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const struct paint p = {.out = &text, .diff = true};

    if (page->hidden > 0 || room(page) < 2 * (size_t)NOTES_BYTES) {
        page->hidden++;
        return;
    }
    add_title(page, app);
    add_notes(page, app);
    if (app->group_count + app->setting_count > 0) {
        paint_app(&p, app);
        add_block(page, &text, "diff", page->max);
    }
}

static void add_not_compared(const struct page *page, const struct hub_plan *plan) {
    if (plan->not_compared_count == 0) {
        return;
    }
    cm_str_add(page->out, "\nNot compared, because their manifests are in other repositories:");
    for (size_t i = 0; i < plan->not_compared_count && room(page) > 0; i++) {
        cm_str_addf(page->out, " `%s`", plan->not_compared[i].name);
    }
    cm_str_add(page->out, "\n");
}

static void add_unseen_losses(const struct page *page, const struct hub_plan *plan) {
    for (size_t i = 0; i < plan->not_compared_count && room(page) > 0; i++) {
        if (plan->not_compared[i].loses > 0) {
            cm_str_add(page->out, "\n> [!CAUTION]\n> ");
            hub_plan_unseen_loss(&plan->not_compared[i], page->out);
            cm_str_add(page->out, "\n");
        }
    }
}

static void add_live(const struct page *page, const struct hub_plan_live *live) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const struct paint p = {.out = &text, .diff = true};

    if (live == NULL) {
        return;
    }
    paint_live(&p, live);
    if (live->owned_count > 0) {
        cm_str_addf(page->out, "\n> [!WARNING]\n> **%zu new object%s another tool.**\n",
                    live->owned_count, live->owned_count == 1 ? " belongs to" : "s belong to");
    }
    if (text.len > 0) {
        cm_str_add_char(page->out, '\n');
        add_block(page, &text, "diff", page->max / HEAD_SHARE);
    }
}

// add_name writes what people named (branches) as code: it can hold no backtick then.
static void add_name(const struct page *page, const char *name) {
    CM_CLEANUP(cm_str_done) struct cm_str safe = {0};

    paint_safe(&safe, name, strnlen(name, BLOCK_BYTES));
    for (size_t i = 0; i < safe.len; i++) {
        if (safe.data[i] == '`') {
            safe.data[i] = '\'';
        }
    }
    cm_str_addf(page->out, "`%s`", cm_str_get(&safe));
}

void hub_plan_markdown(const struct hub_plan *plan, const struct hub_plan_view *view, size_t max,
                       struct cm_str *out) {
    struct page page = {.out = out, .max = out->len + max};

    cm_str_add(out, HUB_PLAN_MARKDOWN_MARK "\n### holdfast plan: ");
    add_name(&page, view->from);
    cm_str_add(out, " → ");
    add_name(&page, view->to);
    cm_str_add(out, "\n\n**");
    hub_plan_verdict(plan, out);
    cm_str_add(out, ".**\n");
    add_deletions(&page, plan);
    add_waits(&page, plan);
    add_unseen_losses(&page, plan);
    add_holds(&page, plan);
    add_freezes(&page, plan);
    add_clusters(&page, plan);
    add_live(&page, view->live);
    add_problems(&page, plan, view, HUB_PLAN_NEW, "New problems");
    for (size_t i = 0; i < plan->app_count; i++) {
        add_app(&page, &plan->apps[i]);
    }
    if (page.hidden == 0) {
        add_not_compared(&page, plan);
        add_problems(&page, plan, view, HUB_PLAN_KNOWN, "Problems that were there before");
        add_problems(&page, plan, view, HUB_PLAN_MENDED, "Mended problems");
    } else {
        cm_str_addf(out, "\n… and %zu more Apps: see `holdfast plan`, or `-o json`.\n",
                    page.hidden);
    }
}
