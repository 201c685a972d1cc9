#!/usr/bin/env python3
"""Breaks one check of the programs at a time and sees that a test notices.

    broken.py [THREAT]...

Each row of BROKEN is a kind of attack (threats.md), an edit of a source file that lets it through,
and the test that must fail then. It is built from a copy of the sources in build/broken, where
nothing else is touched; before anything is broken, each of these tests must pass.
"""
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
COPY = ROOT / "build" / "broken"
BUILD = COPY / "build"
MEMORY = 4 << 30  # bytes that a test may take, and seconds of processor time: bombs get through
CPU_SECONDS = 30
SECONDS = 300
OUTCOME = r"\[ *(?:OK|FAILED|ERROR) *\] "

# Threat, file, what is there once, what comes in its place, program, test (of a fuzz target: "").
BROKEN = (
    ("T1", "hub/repo/folder.c", "how | O_NOFOLLOW | O_CLOEXEC", "how | O_CLOEXEC",
     "hub.repo.test_folder", "links_are_not_followed_on_any_part_of_a_path"),
    ("T2", "hub/fleet/content.c", "if (hub_content_crosses(folder, home)) {", "if (false) {",
     "hub.fleet.test_fleet", "a_source_that_belongs_to_another_app_is_refused"),
    ("T3", "hub/render/holes.c", "h->secret ? ", "false ? ",
     "hub.render.test_render", "of_a_secret_nothing_is_quoted"),
    ("T3", "common/object/hiding.c", "if (h->nobodys && strcmp", "if (false && strcmp",
     "common.object.test_hiding", "every_other_text_of_it_is_a_hash"),
    ("T3", "hub/session/serve.c", "found->bytes != NULL && !found->secret;", "found->bytes != NULL;",
     "hub.session.test_squeezed", "a_secret_goes_as_it_is"),
    ("T4", "hub/jobs/record.c", "if (!object->secret && object->bytes != NULL) {",
     "if (object->bytes != NULL) {", "hub.jobs.test_planner", "of_a_secret_no_byte_is_recorded"),
    ("T5", "hub/repo/url.c", "if (url->scheme != HUB_URL_SSH) {", "if (false) {",
     "hub.repo.test_url", "a_url_holds_no_secret"),
    ("T6", "hub/store/tokens.c", "token.secret = cm_sha256(c.secret, sizeof(c.secret));",
     "memcpy(token.secret.bytes, c.secret, sizeof(c.secret));",
     "hub.store.test_tokens", "the_database_does_not_have_the_secret"),
    ("T7", "common/utf8.c", "return b[0] == '\\0' ? 0 : 1;", "return 0;",
     "hub.ctl.test_text", "control_characters_become_spaces"),
    ("T8", "hub/jobs/renewal.c",
     "if (verdict == HUB_KEY_BEFORE) {\n        return refuse(c, replaced_words);\n    }\n"
     "    if (verdict != HUB_KEY_CURRENT) {",
     "(void)replaced_words;\n    if (verdict != HUB_KEY_CURRENT && verdict != HUB_KEY_BEFORE) {",
     "hub.session.test_keys",
     "the_key_before_gets_no_new_one_and_holds_both_once_its_time_is_over"),
    ("T9", "hub/store/tokens.c", "!hub_credential_opens(&shown, &token) ||", "",
     "hub.store.test_tokens", "wrong_unknown_and_malformed_tokens_are_refused_in_the_same_words"),
    ("T10", "hub/store/agents.c", "used_ms IS NULL AND expires_ms > ?2 AND failures < ?3",
     "used_ms IS NULL AND expires_ms > ?2 AND ?3 > 0",
     "hub.store.test_agents", "a_token_is_void_after_five_wrong_proofs"),
    ("T11", "hub/api/signature.c",
     "return cm_equal_secret(given.bytes, s->secret.bytes, sizeof(given.bytes));", "return true;",
     "hub.api.test_signature", ""),
    ("T12", "hub/repo/walk.c", "++w->visited > w->limits->max_entries", "false",
     "hub.repo.test_tree", "a_tree_bomb_is_refused_by_lists"),
    ("T12", "common/yaml.c", "if (bytes > r->expansion_left) {", "if (false) {",
     "common.test_yaml", "a_bomb_of_aliases_is_refused"),
    ("T12", "proto/wire.c", "if (size > b->left) {", "if (false) {",
     "proto.test_wire", "a_small_payload_cannot_make_us_allocate_much"),
    ("T12", "hub/session/inbox.c", "return in->bytes == 0 ||", "return true ||",
     "hub.session.test_sessions", "who_finds_no_room_for_a_report_waits_and_slows_nobody"),
    ("T12", "hub/session/inbox.c", "return session->held_bytes == 0 ||", "return true ||",
     "hub.session.test_sessions", "an_agent_holds_no_more_than_its_share"),
    ("T12", "hub/session/link.c",
     "cm_arena_used(a), frame->size + REPORT_COST * (m->n_decisions + 1)",
     "0, frame->size + REPORT_COST * (m->n_decisions + 1)",
     "hub.session.test_sessions", "decisions_wait_for_room_too"),
    ("T12", "hub/backup/archive.c", "at < 0 || size > (uint64_t)(st.st_size - at)", "at < 0",
     "fuzz.hub_archive", ""),
    ("T13", "hub/repo/address.c", "(address & mask) == private4[i].net", "false",
     "hub.repo.test_address", "addresses_that_the_internet_does_not_route_are_private"),
    ("T14", "common/tls/session.c", "SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT",
     "SSL_VERIFY_PEER", "common.tls.test_session", "a_client_without_certificate_is_refused"),
    ("T15", "common/tls/session.c", "if (c->expected_uri != NULL && strcmp(",
     "if (false && strcmp(",
     "common.tls.test_session", "another_hub_of_the_same_root_is_refused"),
    ("T15", "common/tls/session.c", "const char *wrong = check_chain(ctx, arg);",
     "const char *wrong = NULL;\n    (void)check_chain;",
     "common.tls.test_session", "a_chain_without_the_pinned_root_is_refused"),
    ("T15", "common/object/who.c", "strchr(manager, '(') == NULL", "manager[0] != '('",
     "common.object.test_who", "no_managers_name_is_taken_for_words_about_him"),
    ("T15", "common/object/who.c", "const char *name = strrchr(account, ':');", "const char *name = account;",
     "common.object.test_who", "who_takes_a_controllers_name_is_told_from_it"),
    ("T15", "agent/kube/audit.c", "w->settled || w->from_ms > at_ms", "w->from_ms > at_ms",
     "agent.kube.test_audit", "a_field_stays_its_users_when_another_one_writes_under_that_name"),
    ("T15", "agent/kube/audit.c", "w->since_ms == 0 ? now_ms : w->since_ms", "now_ms",
     "agent.kube.test_audit", "a_change_waits_once_however_often_it_is_changed_meanwhile"),
    ("T15", "agent/kube/audit.c", "if (*at == ';' ||", "if (false && *at == ';' ||",
     "agent.kube.test_audit", "under_which_name_an_odd_request_wrote_cannot_be_told"),
    ("T16", "hub/repo/url.c", "len > HOST_MAX || host[0] == '-' ||", "len > HOST_MAX ||",
     "hub.repo.test_url", "nothing_can_be_taken_for_an_option_of_ssh"),
    ("T17", "hub/store/freezes.c", "hub_stmt_int(stmt, 1) >= HUB_FREEZES_BREAKER_MAX", "false",
     "hub.store.test_freezes", "the_breaker_leaves_room_for_people"),
    ("T17", "hub/store/schema.c",
     " WHERE id = NEW.site AND cluster IN (SELECT value FROM json_each(NEW.clusters)); END",
     " WHERE id = NEW.site; END",
     "hub.store.test_site_exemptions", "an_agents_word_is_for_its_own_cluster"),
    ("T17", "hub/session/link.c", "return wire_is_skipped(frame->type)", "return true",
     "hub.session.test_sessions", "what_only_a_hub_sends_ends_the_link"),
    ("T17", "hub/session/link.c",
     "if (hub_allowance_take(&session->member->allowance, cost, cm_clock_now_ms())) {",
     "if (hub_allowance_take(&session->member->allowance, cost, cm_clock_now_ms()) || true) {",
     "hub.session.test_sessions",
     "an_agent_that_reports_too_much_is_sent_away_and_others_are_not"),
    ("T17", "hub/capture/proof.c", "if (check_problems(p, t->fleet, err) < 0 ||",
     "if (true) {\n        return CM_OK;\n    }\n    if (check_problems(p, t->fleet, err) < 0 ||",
     "hub.capture.test_capture", "what_another_cluster_shares_is_not_reverted"),
    ("T17", "hub/capture/sight.c", "if (sight->unseen == NULL) {", "if (true) {",
     "hub.capture.test_capture", "what_apps_share_that_are_not_rendered_here_is_not_reverted"),
    ("T18", "hub/access/authority.c", "|| !cm_uuid_ok(uri + len)", "",
     "hub.access.test_authority", "only_exact_names_are_cluster_ids"),
    ("T18", "common/tls/certs.c", "bool ok = uris == 1 &&", "bool ok = uris >= 1 &&",
     "common.tls.test_keys", "a_certificate_of_two_names_has_none"),
    ("T19", "hub/store/agents.c", "again ? CM_OK : check_not_enrolled(db, token->cluster, err);",
     "CM_OK;\n    (void)again;\n    (void)check_not_enrolled;",
     "hub.store.test_agents", "an_enrolled_cluster_gets_a_token_only_if_it_is_built_anew"),
    ("T19", "hub/jobs/identity.c", "claim.needs_approval || e->ask.needs_approval ? now_ms : 0;",
     "e->ask.needs_approval ? now_ms : 0;", "hub.session.test_pending",
     "who_enrolls_with_a_token_that_needs_approval_waits_from_the_beginning"),
    ("T19", "hub/session/keys.c", "if (member->held) {\n        *no",
     "if (member->held && member->pending_ms == 0) {\n        *no", "hub.session.test_pending",
     "nothing_reaches_it_and_it_is_told_to_wait"),
    ("T19", "hub/jobs/renewal.c",
     "if (hub_agent_is_pending(row)) {\n        return accept_key(a, row, err);",
     "if (false) {\n        return accept_key(a, row, err);",
     "hub.session.test_pending", "without_enough_of_its_key_or_with_another_one_nothing_changes"),
    ("T20", "agent/kube/apply.c", ".account = op->account,\n        .done = on_answer,", ".done = on_answer,",
     "integration.driver.test_faults", "a_deletion_is_seen_though_the_look_at_it_fails"),
    ("T20", "agent/kube/apply.c", ".account = op->account,\n        .done = done,", ".done = done,",
     "integration.driver.test_faults", "what_is_there_already_is_taken_over_in_the_accounts_name"),
    ("T20", "agent/kube/apply.c", ".account = op->account,\n        .done = done,", ".done = done,",
     "integration.driver.test_faults", "what_people_have_added_is_made_ours_so_that_the_apply_takes_it_away"),
    ("T20", "agent/kube/apply.c", ".account = op->account,\n                                   .done = on_back_found,",
     ".done = on_back_found,", "integration.driver.test_faults", "what_the_server_does_not_let_go_is_given_back"),
    ("T20", "agent/kube/apply.c", ".account = op->account,\n        .done = on_woken,", ".done = on_woken,",
     "integration.driver.test_faults", "what_flagger_left_with_none_gets_as_many_as_git_says"),
    ("T20", "agent/kube/remove.c", ".account = op->account,\n        .done = on_deleted,", ".done = on_deleted,",
     "integration.driver.test_faults", "what_cannot_be_changed_is_made_anew_in_the_accounts_name"),
    ("T20", "agent/kube/remove.c", ".account = op->account,\n        .done = on_released,", ".done = on_released,",
     "integration.driver.test_faults", "an_object_is_let_go_in_the_accounts_name"),
    ("T20", "agent/kube/prove.c",
     ".account = kube_account_given(options.account),", "",
     "integration.driver.test_faults", "what_a_form_would_be_is_asked_in_the_accounts_name"),
    ("T20", "agent/kube/stuck.c",
     ".account = kube_account_given(options.account),", "",
     "integration.driver.test_faults", "a_pod_that_holds_up_is_found_among_however_many"),
    ("T21", "hub/session/link.c", "cm_net_close_within(session->conn, time_to_read_ms(session), why);",
     "(void)time_to_read_ms;\n        cm_net_close(session->conn, true, why);",
     "hub.session.test_keys", "a_revoked_agent_that_does_not_read_is_cut_off_within_a_second"),
    ("T21", "hub/session/link.c", "if (member->revoking_ms != 0) {", "if (false) {",
     "hub.session.test_keys", "who_is_to_be_revoked_is_cut_off_however_long_the_store_takes"),
    ("T21", "hub/backup/heed.c", "strcmp(registry.hub_id, hub_id) != 0) {",
     "strcmp(registry.hub_id, hub_id) != 0 || true) {",
     "hub.backup.test_heed", "who_was_revoked_since_the_database_was_written_stays_out"),
    ("T23", "common/http/easy.c", "(void)curl_easy_setopt(r->easy, CURLOPT_PATH_AS_IS, 1L);",
     "(void)curl_easy_setopt(r->easy, CURLOPT_FOLLOWLOCATION, 1L);",
     "common.http.test_http", "redirects_are_not_followed"),
    ("T24", "hub/repo/tree.c", "git_tree_entry_name(entry)) != entry",
     "git_tree_entry_name(entry)) == NULL",
     "hub.repo.test_tree", "a_name_that_is_there_twice_is_refused"),
    ("T25", "hub/access/keyfiles.c", "cm_fsys_replace(path, pem, strlen(pem), 0600, err)",
     "cm_fsys_replace(path, pem, strlen(pem), 0644, err)",
     "hub.access.test_authority", "keys_are_readable_by_the_owner_only"),
    ("T26", "common/net/frame.c", "if (r->header.size > max) {", "if (false) {",
     "common.net.test_net", "a_frame_too_long_for_its_type_closes_the_connection"),
    ("T26", "common/tls/session.c", "if (s->late <= LATE_MAX) {", "if (true) {",
     "common.tls.test_session", "keys_are_not_changed_without_end"),
    ("T26", "hub/session/link.c", "if (session->reports == REPORTS_MAX) {", "if (false) {",
     "hub.session.test_sessions", "too_many_reports_at_once_end_the_link"),
    ("T26", "hub/session/resync.c", "all->count < all->max && all->waiting_count == 0", "true",
     "hub.session.test_sessions", "only_so_many_report_everything_anew_at_once"),
    ("T26", "hub/session/greet.c", "if (member->greeters == GREETERS_MAX) {", "if (false) {",
     "hub.session.test_keys", "an_identity_has_a_few_connections_at_most_that_say_nothing"),
    ("T27", "agent/agent.c", "if (is_older(a, a->waiting->epoch, a->waiting->generation)) {",
     "if (false) {", "integration.agent.test_agent",
     "an_older_copy_of_the_disk_does_nothing_before_the_hub_has_spoken"),
    ("T27", "agent/link/fetch.c",
     "if (f->epoch < known->epoch || f->generation < known->generation) {", "if (false) {",
     "integration.agent.test_agent", "an_old_manifest_is_refused"),
    ("T27", "agent/link/fetch.c",
     "if (!cm_cert_check(signer, text->data, text->size, f->signature, f->signature_size)) {",
     "if (false) {",
     "integration.agent.test_agent", "a_signature_over_another_generation_is_refused"),
    ("T27", "agent/cache/cache.c", "(keyed || cm_sha256_equal(&hash, &p->name))", "(keyed || true)",
     "integration.agent.test_agent",
     "another_bundle_under_the_signed_name_is_not_applied_from_disk"),
    ("T28", "hub/jobs/found.c", "cm_equal_secret(hex, seal, sizeof(hex) - 1)", "true",
     "hub.jobs.test_writer_pulls", "what_others_put_onto_the_branch_of_holds_does_not_count"),
    ("T28", "hub/jobs/writer_pulls.c", "*out_theirs = !is_ours(f, p, out);",
     "*out_theirs = !is_ours(f, p, out) && false;",
     "hub.jobs.test_writer_pulls", "a_branch_with_commits_of_others_is_theirs"),
    ("T29", "common/mem.c", "explicit_bzero(p, size);", "", "common.test_wipe", "a_buffer_leaves_nothing"),
)


def copy_sources():
    """What Git knows here, as it is now; only what differs gets a new time, and is built anew."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True,
                           text=True).stdout.split("\0")
    for name in filter(None, names):
        here, there = ROOT / name, COPY / name
        there.parent.mkdir(parents=True, exist_ok=True)
        if here.is_file() and (not there.is_file() or here.read_bytes() != there.read_bytes()):
            shutil.copyfile(here, there)


def configure():
    ccache = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    subprocess.run(["cmake", "-G", "Ninja", "-S", COPY, "-B", BUILD, "-DHOLDFAST_TESTS=ON",
                    "-DCMAKE_BUILD_TYPE=RelWithDebInfo", *ccache], check=True,
                   stdout=subprocess.DEVNULL)


def build(*programs):
    done = subprocess.run(["cmake", "--build", BUILD, "--target", *programs, "--", "--quiet"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"it does not build:\n{done.stdout}{done.stderr}")


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(program, until=""):
    """Runs a test program, or until it has said what became of a test.

    Returns its exit code (not 0 if it was ended), and what it said.
    """
    path = next(path for path in BUILD.rglob(program)
                if path.is_file() and os.access(path, os.X_OK))
    corpus = [ROOT / "tests" / "fuzz" / "corpus" / program.removeprefix("fuzz.")]
    argv = ["stdbuf", "-oL", path, *(corpus if program.startswith("fuzz.") else [])]
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, cwd=BUILD, preexec_fn=limit, text=True,
                             errors="replace")
    late = threading.Timer(SECONDS, child.kill)
    late.start()
    said = []
    for line in child.stdout:
        said.append(line)
        if until and re.search(OUTCOME + until + "$", line):
            child.kill()
    late.cancel()
    return child.wait(), "".join(said)


def notices(program, test):
    """Whether the test, or of a program without one any, fails, or does not come to its end."""
    code, text = run(program, test)
    if not test:
        return code != 0
    begun = re.findall(r"\[ RUN      \] (\w+)", text)
    ended = re.findall(OUTCOME + r"(\w+)$", text, re.M)
    failed = re.search(r"\[ *(?:FAILED|ERROR) *\] " + test + "$", text, re.M)
    return bool(failed) or (begun[-1:] == [test] and test not in ended)


def break_one(row):
    """Breaks, builds, runs and mends; true if a test noticed."""
    threat, name, before, after, program, test = row
    path = COPY / name
    text = path.read_text(encoding="utf-8")
    began = time.monotonic()
    try:
        path.write_text(text.replace(before, after), encoding="utf-8")
        build(program)
        seen = notices(program, test)
    finally:
        path.write_text(text, encoding="utf-8")
    print(f"{threat} {name}: {'noticed by' if seen else 'NOT NOTICED by'} {program} {test} "
          f"({time.monotonic() - began:.0f} s)", flush=True)
    return seen


def check_rows():
    """All of them, before anything is built: what a row breaks may have moved."""
    for threat, name, before, *_ in BROKEN:
        path = ROOT / name
        if not path.is_file() or path.read_text(encoding="utf-8").count(before) != 1:
            sys.exit(f"{threat}: '{before}' is not there once in {name}")


def main(threats):
    rows = [row for row in BROKEN if not threats or row[0] in threats]
    if not rows:
        sys.exit("there is no such threat in the table")
    check_rows()
    copy_sources()
    configure()
    programs = sorted({row[4] for row in rows})
    build(*programs)
    for program in programs:
        if run(program)[0] != 0 and run(program)[0] != 0:  # a busy machine may be forgiven once
            sys.exit(f"{program} fails before anything is broken")
    outcomes = [break_one(row) for row in rows]
    print(f"{sum(outcomes)} of {len(outcomes)} noticed")
    sys.exit(0 if all(outcomes) else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
