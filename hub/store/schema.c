#include "hub/store/schema.h"

#include <stdint.h>

#include "common/mem.h"
#include "hub/store/db.h"
#include "hub/store/past_lines_sql.h"

// One statement an entry; NULL ends a step.
static const char *const step_1[] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID",

    // What Git says. Rows are rewritten when documents change.
    "CREATE TABLE cluster (name TEXT PRIMARY KEY, labels TEXT NOT NULL, suspend INTEGER NOT NULL,"
    " repo TEXT NOT NULL, path TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE cluster_group (name TEXT PRIMARY KEY, repo TEXT NOT NULL, path TEXT NOT NULL)"
    " WITHOUT ROWID",
    "CREATE TABLE group_member (grp TEXT NOT NULL, cluster TEXT NOT NULL,"
    " PRIMARY KEY (grp, cluster)) WITHOUT ROWID",
    "CREATE TABLE app (name TEXT PRIMARY KEY, repo TEXT NOT NULL, path TEXT NOT NULL,"
    " namespace TEXT NOT NULL, drift TEXT NOT NULL, prune INTEGER NOT NULL,"
    " suspend INTEGER NOT NULL, depends_on TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE revision (repo TEXT NOT NULL, id TEXT NOT NULL, author TEXT NOT NULL,"
    " subject TEXT NOT NULL, committed_ms INTEGER NOT NULL, resolved_ms INTEGER NOT NULL,"
    " clusters INTEGER NOT NULL, problems INTEGER NOT NULL, number INTEGER PRIMARY KEY,"
    " UNIQUE (repo, id))",
    "CREATE TABLE problem (number INTEGER PRIMARY KEY, repo TEXT NOT NULL, path TEXT NOT NULL,"
    " line INTEGER NOT NULL, col INTEGER NOT NULL, message TEXT NOT NULL, app TEXT NOT NULL,"
    " cluster TEXT NOT NULL, clusters INTEGER NOT NULL)",

    // What is in force.
    "CREATE TABLE manifest (cluster TEXT PRIMARY KEY, epoch INTEGER NOT NULL,"
    " generation INTEGER NOT NULL, sha256 BLOB NOT NULL, bytes BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE pair (cluster TEXT NOT NULL, app TEXT NOT NULL, bundle BLOB NOT NULL,"
    " repo TEXT NOT NULL, revision TEXT NOT NULL, generation INTEGER NOT NULL,"
    " objects INTEGER NOT NULL, suspend INTEGER NOT NULL, stale INTEGER NOT NULL,"
    " PRIMARY KEY (cluster, app)) WITHOUT ROWID",
    "CREATE INDEX pair_app ON pair (app, cluster)",
    "CREATE INDEX pair_revision ON pair (revision)",
    "CREATE TABLE blob (sha256 BLOB PRIMARY KEY, bytes BLOB NOT NULL)",

    // Who may connect. A name is a label; the id is the identity and is never used again.
    "CREATE TABLE agent (id TEXT PRIMARY KEY, cluster TEXT NOT NULL, state TEXT NOT NULL,"
    " key_sha256 BLOB NOT NULL, enrolled_ms INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE UNIQUE INDEX agent_cluster ON agent (cluster) WHERE state = 'active'",
    "CREATE TABLE join_token (id TEXT PRIMARY KEY, cluster TEXT NOT NULL, secret BLOB NOT NULL,"
    " expires_ms INTEGER NOT NULL, used_ms INTEGER, failures INTEGER NOT NULL DEFAULT 0,"
    " made_by TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE api_token (id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL,"
    " secret BLOB NOT NULL, expires_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL DEFAULT 0)"
    " WITHOUT ROWID",

    // What agents report.
    "CREATE TABLE presence (cluster TEXT PRIMARY KEY, connected INTEGER NOT NULL,"
    " seen_ms INTEGER NOT NULL, version TEXT NOT NULL, driver TEXT NOT NULL, target TEXT NOT NULL,"
    " address TEXT NOT NULL, generation INTEGER NOT NULL DEFAULT 0, run TEXT NOT NULL DEFAULT '',"
    " report INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID",
    "CREATE TABLE status (cluster TEXT NOT NULL, app TEXT NOT NULL, bundle BLOB NOT NULL,"
    " revision TEXT NOT NULL, applied INTEGER NOT NULL, message TEXT NOT NULL,"
    " health INTEGER NOT NULL, health_message TEXT NOT NULL, objects INTEGER NOT NULL,"
    " drifted INTEGER NOT NULL, at_ms INTEGER NOT NULL, full INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (cluster, app)) WITHOUT ROWID",
    "CREATE INDEX status_app ON status (app, cluster)",
    "CREATE TABLE object (cluster TEXT NOT NULL, app TEXT NOT NULL, key TEXT NOT NULL,"
    " sha256 BLOB NOT NULL, health INTEGER NOT NULL, message TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    " full INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (cluster, key)) WITHOUT ROWID",
    "CREATE INDEX object_app ON object (cluster, app)",
    "CREATE TABLE drift (cluster TEXT NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL,"
    " app TEXT NOT NULL, desired TEXT NOT NULL, actual TEXT NOT NULL, manager TEXT NOT NULL,"
    " operation TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (cluster, key, path))"
    " WITHOUT ROWID",

    "CREATE TABLE event (number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind TEXT NOT NULL,"
    " cluster TEXT NOT NULL, app TEXT NOT NULL, key TEXT NOT NULL, revision TEXT NOT NULL,"
    " actor TEXT NOT NULL, message TEXT NOT NULL)",
    "CREATE INDEX event_cluster ON event (cluster, number)",
    "CREATE INDEX event_app ON event (app, number)",
    NULL,
};

static const char *const step_2[] = {
    // The commit that brought a problem, or touched what has it. "": not known.
    "ALTER TABLE problem ADD COLUMN revision TEXT NOT NULL DEFAULT ''",
    NULL,
};

static const char *const step_3[] = {
    // Who made a token and when. 0 and "": before this was kept.
    "ALTER TABLE api_token ADD COLUMN made_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE api_token ADD COLUMN made_by TEXT NOT NULL DEFAULT ''",
    NULL,
};

static const char *const step_4[] = {
    // What is fetched, and how that went.
    "CREATE TABLE repository (name TEXT PRIMARY KEY, url TEXT NOT NULL, revision TEXT NOT NULL,"
    " failure TEXT NOT NULL, checked_ms INTEGER NOT NULL) WITHOUT ROWID",
    NULL,
};

static const char *const step_5[] = {
    // More fields of the object drifted than are on record.
    "ALTER TABLE object ADD COLUMN drift_more INTEGER NOT NULL DEFAULT 0",
    NULL,
};

static const char *const step_6[] = {
    // Removals that wait for a confirmation, and confirmations that were used.
    "ALTER TABLE pair ADD COLUMN waits TEXT NOT NULL DEFAULT ''",
    "CREATE TABLE confirmation (name TEXT PRIMARY KEY, removal TEXT NOT NULL) WITHOUT ROWID",
    NULL,
};

static const char *const step_7[] = {
    // Corrections of an object that somebody undid each time, before it was left alone.
    "ALTER TABLE object ADD COLUMN fought INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX object_fought ON object (fought) WHERE fought > 0",
    NULL,
};

static const char *const step_8[] = {
    // It was degraded, and has not been healthy since.
    "ALTER TABLE status ADD COLUMN ill INTEGER NOT NULL DEFAULT 0",
    "UPDATE status SET ill = 1 WHERE health = 3",
    NULL,
};

static const char *const step_9[] = {
    // Why a field is not as it is desired: foreign, right, noise, ignored. Only foreign is drift.
    "ALTER TABLE drift ADD COLUMN class TEXT NOT NULL DEFAULT 'foreign'",
    NULL,
};

static const char *const step_10[] = {
    // By how much an agent's clock is ahead, and when its certificate ends, as it said at its last
    // connect. 0: not known.
    "ALTER TABLE presence ADD COLUMN skew_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE presence ADD COLUMN cert_ends_ms INTEGER NOT NULL DEFAULT 0",
    NULL,
};

static const char *const step_11[] = {
    // When it happened by the agent's clock, if the hub heard of it only later. 0: it did not.
    "ALTER TABLE event ADD COLUMN happened_ms INTEGER NOT NULL DEFAULT 0",
    // Up to where the agent's journal is on record.
    "ALTER TABLE presence ADD COLUMN journal_run TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE presence ADD COLUMN journal INTEGER NOT NULL DEFAULT 0",
    NULL,
};

static const char *const step_12[] = {
    // The keys of an agent beside the one it uses, when its newest certificate begins and ends, and
    // why it waits for a person. Zeros: from before this was kept.
    "ALTER TABLE agent ADD COLUMN next_key BLOB NOT NULL DEFAULT x''",
    "ALTER TABLE agent ADD COLUMN before_key BLOB NOT NULL DEFAULT x''",
    "ALTER TABLE agent ADD COLUMN before_until_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE agent ADD COLUMN begins_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE agent ADD COLUMN ends_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE agent ADD COLUMN held TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE agent ADD COLUMN held_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE agent ADD COLUMN held_key BLOB NOT NULL DEFAULT x''",
    "ALTER TABLE agent ADD COLUMN approved_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE agent ADD COLUMN skew_ms INTEGER NOT NULL DEFAULT 0",
    NULL,
};

static const char *const step_13[] = {
    // When the last happened of an object that was made an event; by the agent's clock.
    "ALTER TABLE object ADD COLUMN happened_ms INTEGER NOT NULL DEFAULT 0",
    NULL,
};

static const char *const step_14[] = {
    // What the state repository does not tell yet (hub/store/unwritten.h).
    "CREATE TABLE unwritten (number INTEGER PRIMARY KEY AUTOINCREMENT, cluster TEXT NOT NULL,"
    " app TEXT NOT NULL, UNIQUE (cluster, app))",
    "CREATE TRIGGER pair_put AFTER INSERT ON pair BEGIN"
    " INSERT OR REPLACE INTO unwritten (cluster, app) VALUES (new.cluster, new.app); END",
    "CREATE TRIGGER pair_gone AFTER DELETE ON pair BEGIN"
    " INSERT OR REPLACE INTO unwritten (cluster, app) VALUES (old.cluster, old.app); END",
    NULL,
};

static const char *const step_15[] = {
    // What was so when (hub/store/past.h). Names have numbers, which are never used again.
    "CREATE TABLE past_cluster (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE past_value (number INTEGER PRIMARY KEY, app TEXT NOT NULL, bundle BLOB NOT NULL,"
    " revision TEXT NOT NULL, repo TEXT NOT NULL, UNIQUE (app, bundle, revision))",
    "CREATE INDEX past_value_revision ON past_value (revision)",
    "CREATE TABLE past_image (number INTEGER PRIMARY KEY, image TEXT NOT NULL UNIQUE)",
    "CREATE TABLE past_value_image (image INTEGER NOT NULL, value INTEGER NOT NULL,"
    " PRIMARY KEY (image, value)) WITHOUT ROWID",
    "CREATE INDEX past_value_images ON past_value_image (value)",
    "CREATE TABLE past_now (app TEXT NOT NULL, axis INTEGER NOT NULL, cluster INTEGER NOT NULL,"
    " value INTEGER NOT NULL, since_ms INTEGER NOT NULL, PRIMARY KEY (app, axis, cluster))"
    " WITHOUT ROWID",
    "CREATE TABLE past_change (number INTEGER PRIMARY KEY, app TEXT NOT NULL,"
    " axis INTEGER NOT NULL, value INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " seen_ms INTEGER NOT NULL, count INTEGER NOT NULL, late INTEGER NOT NULL,"
    " entries BLOB NOT NULL)",
    "CREATE INDEX past_change_all ON past_change (at_ms)",
    "CREATE INDEX past_change_app ON past_change (app, at_ms)",
    "CREATE INDEX past_change_at ON past_change (app, axis, at_ms)",
    "CREATE INDEX past_change_value ON past_change (app, axis, value, number)",
    "CREATE INDEX past_change_late ON past_change (app, axis, number) WHERE late",
    "CREATE TABLE past_checkpoint (app TEXT NOT NULL, axis INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, upto INTEGER NOT NULL, state BLOB NOT NULL,"
    " PRIMARY KEY (app, axis, at_ms)) WITHOUT ROWID",
    NULL,
};

static const char *const step_16[] = {
    // What controllers in clusters did with releases, and what that says of these.
    "CREATE TABLE decision (number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
    " cluster TEXT NOT NULL, cluster_id TEXT NOT NULL, app TEXT NOT NULL, key TEXT NOT NULL,"
    " controller TEXT NOT NULL, controller_key TEXT NOT NULL, verdict TEXT NOT NULL,"
    " bad BLOB NOT NULL, good BLOB NOT NULL, bad_bundle BLOB NOT NULL, good_bundle BLOB NOT NULL,"
    " bad_revision TEXT NOT NULL, good_revision TEXT NOT NULL, good_object BLOB NOT NULL,"
    " text TEXT NOT NULL, weight INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " seen_ms INTEGER NOT NULL, actor TEXT NOT NULL, provisional INTEGER NOT NULL,"
    " settled INTEGER NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '',"
    " hold TEXT NOT NULL DEFAULT '')",
    "CREATE INDEX decision_cluster ON decision (cluster, number)",
    "CREATE INDEX decision_app ON decision (app, number)",
    "CREATE INDEX decision_provisional ON decision (number) WHERE provisional = 1",
    "CREATE TABLE verdict (cluster_id TEXT NOT NULL, app TEXT NOT NULL, identity TEXT NOT NULL,"
    " verdict TEXT NOT NULL, revision TEXT NOT NULL, at_ms INTEGER NOT NULL, by TEXT NOT NULL,"
    " PRIMARY KEY (cluster_id, app, identity)) WITHOUT ROWID",
    // Up to where the agent's decisions are on record.
    "ALTER TABLE presence ADD COLUMN decided_run TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE presence ADD COLUMN decided INTEGER NOT NULL DEFAULT 0",
    NULL,
};

static const char *const step_17[] = {
    // Its agent only observes.
    "ALTER TABLE presence ADD COLUMN observes INTEGER NOT NULL DEFAULT 0",
    NULL,
};

static const char *const step_18[] = {
    // What is to be written into repositories, and what became of it.
    "CREATE TABLE intent (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, repo TEXT NOT NULL,"
    " kind TEXT NOT NULL, app TEXT NOT NULL, cluster TEXT NOT NULL, cause TEXT NOT NULL,"
    " args TEXT NOT NULL, actor TEXT NOT NULL, automatic INTEGER NOT NULL,"
    " made_ms INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',"
    " revision TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '',"
    " ended_ms INTEGER NOT NULL DEFAULT 0)",
    "CREATE INDEX intent_app ON intent (app, made_ms) WHERE automatic = 1",
    NULL,
};

static const char *const step_19[] = {
    // The same of what agents report. What says the same again is no news.
    "CREATE TABLE unobserved (number INTEGER PRIMARY KEY AUTOINCREMENT, cluster TEXT NOT NULL,"
    " app TEXT NOT NULL, UNIQUE (cluster, app))",
    "CREATE TRIGGER status_put BEFORE INSERT ON status WHEN NOT EXISTS (SELECT 1 FROM status"
    " WHERE cluster = new.cluster AND app = new.app AND bundle = new.bundle"
    " AND revision = new.revision) BEGIN"
    " INSERT OR REPLACE INTO unobserved (cluster, app) VALUES (new.cluster, new.app); END",
    "CREATE TRIGGER status_gone AFTER DELETE ON status BEGIN"
    " INSERT OR REPLACE INTO unobserved (cluster, app) VALUES (old.cluster, old.app); END",
    "CREATE TRIGGER object_put BEFORE INSERT ON object WHEN NOT EXISTS (SELECT 1 FROM object"
    " WHERE cluster = new.cluster AND key = new.key AND app = new.app AND sha256 = new.sha256"
    " AND (health = 4) = (new.health = 4) AND drift_more = new.drift_more) BEGIN"
    " INSERT OR REPLACE INTO unobserved (cluster, app) VALUES (new.cluster, new.app); END",
    "CREATE TRIGGER object_gone AFTER DELETE ON object BEGIN"
    " INSERT OR REPLACE INTO unobserved (cluster, app) VALUES (old.cluster, old.app); END",
    "CREATE TRIGGER drift_put AFTER INSERT ON drift BEGIN"
    " INSERT OR REPLACE INTO unobserved (cluster, app) VALUES (new.cluster, new.app); END",
    "CREATE TRIGGER drift_gone AFTER DELETE ON drift BEGIN"
    " INSERT OR REPLACE INTO unobserved (cluster, app) VALUES (old.cluster, old.app); END",
    NULL,
};

static const char *const step_20[] = {
    // What Holds keep out of a pair, and Holds and Bans themselves.
    "ALTER TABLE pair ADD COLUMN held TEXT NOT NULL DEFAULT ''",
    "CREATE TABLE hold (key TEXT PRIMARY KEY, name TEXT NOT NULL, app TEXT NOT NULL,"
    " repo TEXT NOT NULL, path TEXT NOT NULL, rejected TEXT NOT NULL, restored TEXT NOT NULL,"
    " controller TEXT NOT NULL, object TEXT NOT NULL, text TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    " event TEXT NOT NULL, clusters TEXT NOT NULL, in_force INTEGER NOT NULL,"
    " retry INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE ban (name TEXT PRIMARY KEY, app TEXT NOT NULL, repo TEXT NOT NULL,"
    " path TEXT NOT NULL, images TEXT NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID",
    NULL,
};

static const char *const step_21[] = {
    // Which set of roots an agent believes. 0: it knows of no sets.
    "ALTER TABLE presence ADD COLUMN trust INTEGER NOT NULL DEFAULT 0",
    NULL,
};

static const char *const step_22[] = {
    // What became known of the Hold that was made of a decision.
    "ALTER TABLE decision ADD COLUMN written INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE decision ADD COLUMN retried INTEGER NOT NULL DEFAULT 0",
    // What Holds keep out of it, as of pairs.
    "ALTER TABLE past_value ADD COLUMN held TEXT NOT NULL DEFAULT ''",
    NULL,
};

static const char *const step_23[] = {
    // What differs is asked for by App, not only by object.
    "CREATE INDEX drift_app ON drift (cluster, app, key, path)",
    // Why a pair is another one where it does not say so itself (hub/store/unwritten.h).
    "ALTER TABLE unwritten ADD COLUMN held INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE unwritten ADD COLUMN revision TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE unwritten ADD COLUMN removal TEXT NOT NULL DEFAULT ''",
    // Of what is only observed it is news that it is, and that an object was found.
    "DROP TRIGGER status_put",
    "CREATE TRIGGER status_put BEFORE INSERT ON status WHEN NOT EXISTS (SELECT 1 FROM status"
    " WHERE cluster = new.cluster AND app = new.app AND bundle = new.bundle"
    " AND revision = new.revision AND (applied = 6) = (new.applied = 6)) BEGIN"
    " INSERT OR REPLACE INTO unobserved (cluster, app) VALUES (new.cluster, new.app); END",
    "DROP TRIGGER object_put",
    "CREATE TRIGGER object_put BEFORE INSERT ON object WHEN NOT EXISTS (SELECT 1 FROM object"
    " WHERE cluster = new.cluster AND key = new.key AND app = new.app AND sha256 = new.sha256"
    " AND (health = 4) = (new.health = 4) AND drift_more = new.drift_more"
    " AND (sha256 <> x'' OR (health = 0) = (new.health = 0))) BEGIN"
    " INSERT OR REPLACE INTO unobserved (cluster, app) VALUES (new.cluster, new.app); END",
    NULL,
};

static const char *const step_24[] = {
    // Where nothing is applied for a while (hub/store/freezes.h).
    "CREATE TABLE freeze (name TEXT PRIMARY KEY, app TEXT NOT NULL, cluster TEXT NOT NULL,"
    " grp TEXT NOT NULL, selector TEXT NOT NULL, reason TEXT NOT NULL, actor TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, repo TEXT NOT NULL, path TEXT NOT NULL,"
    " git INTEGER NOT NULL, ended_ms INTEGER NOT NULL, note TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE freeze_cluster (freeze TEXT NOT NULL, cluster TEXT NOT NULL,"
    " told_ms INTEGER NOT NULL, found INTEGER NOT NULL, PRIMARY KEY (freeze, cluster))"
    " WITHOUT ROWID",
    "CREATE INDEX freeze_cluster_cluster ON freeze_cluster (cluster)",
    NULL,
};

static const char *const step_25[] = {
    // What was promoted last on a cluster, which outlives the agent that told it.
    "CREATE TABLE proven (cluster TEXT NOT NULL, key TEXT NOT NULL, agent TEXT NOT NULL,"
    " app TEXT NOT NULL, needs TEXT NOT NULL, revision TEXT NOT NULL, bundle BLOB NOT NULL,"
    " PRIMARY KEY (cluster, key)) WITHOUT ROWID",
    NULL,
};

static const char *const step_26[] = {
    // It became healthy before it was applied, and no event tells of it yet.
    "ALTER TABLE status ADD COLUMN owed INTEGER NOT NULL DEFAULT 0",
    // Few do.
    "CREATE INDEX pair_waits ON pair (app, waits) WHERE waits <> ''",
    // Git says of it that it is suspended.
    "ALTER TABLE past_value ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0",
    NULL,
};

static const char *const step_27[] = {
    // All that is there of an object that is not as desired. Empty: it is, or `drift` says how.
    "ALTER TABLE object ADD COLUMN actual BLOB NOT NULL DEFAULT x''",
    "DROP TRIGGER object_put",
    "CREATE TRIGGER object_put BEFORE INSERT ON object WHEN NOT EXISTS (SELECT 1 FROM object"
    " WHERE cluster = new.cluster AND key = new.key AND app = new.app AND sha256 = new.sha256"
    " AND (health = 4) = (new.health = 4) AND drift_more = new.drift_more"
    " AND actual = new.actual"
    " AND (sha256 <> x'' OR (health = 0) = (new.health = 0))) BEGIN"
    " INSERT OR REPLACE INTO unobserved (cluster, app) VALUES (new.cluster, new.app); END",
    NULL,
};

static const char *const step_28[] = {
    // The release of a workload that was good last is looked for.
    "CREATE INDEX decision_key ON decision (cluster, key, number)",
    NULL,
};

static const char *const step_29[] = {
    // Pull requests, and which of them a change is in.
    "CREATE TABLE pull_request (branch TEXT NOT NULL, repo TEXT NOT NULL, number INTEGER NOT NULL,"
    " app TEXT NOT NULL, title TEXT NOT NULL, url TEXT NOT NULL, state TEXT NOT NULL,"
    " head TEXT NOT NULL, content TEXT NOT NULL, opened_ms INTEGER NOT NULL,"
    " ended_ms INTEGER NOT NULL, PRIMARY KEY (branch, repo, number)) WITHOUT ROWID",
    "ALTER TABLE intent ADD COLUMN pull INTEGER NOT NULL DEFAULT 0",
    NULL,
};

static const char *const step_30[] = {
    // Changes by hand that are allowed for a time, and what was told of them: 1 that one began, 2
    // that it ends soon, 3 that it ended.
    "CREATE TABLE exemption (name TEXT PRIMARY KEY, app TEXT NOT NULL, repo TEXT NOT NULL,"
    " path TEXT NOT NULL, clusters TEXT NOT NULL, object TEXT NOT NULL, field TEXT NOT NULL,"
    " reason TEXT NOT NULL, actor TEXT NOT NULL, until_ms INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX exemption_object ON exemption (app, object)",
    "CREATE TABLE exemption_told (name TEXT PRIMARY KEY, app TEXT NOT NULL, told INTEGER NOT NULL)"
    " WITHOUT ROWID",
    NULL,
};

static const char *const step_31[] = {
    // Whose a freeze is: made by hand, by a commit, or by the breaker; what was frozen when, and on
    // which clusters; when the breaker froze an App ('' for a cluster: everywhere); which agents
    // cannot stop by themselves.
    "ALTER TABLE freeze ADD COLUMN source TEXT NOT NULL DEFAULT ''",
    "CREATE TABLE freeze_past (id INTEGER PRIMARY KEY, name TEXT NOT NULL, app TEXT NOT NULL,"
    " reason TEXT NOT NULL, actor TEXT NOT NULL, source TEXT NOT NULL, from_ms INTEGER NOT NULL,"
    " until_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, ended_by TEXT NOT NULL,"
    " ended_why TEXT NOT NULL)",
    "CREATE INDEX freeze_past_open ON freeze_past (name) WHERE to_ms = 0",
    "CREATE TABLE freeze_past_cluster (freeze INTEGER NOT NULL, cluster TEXT NOT NULL,"
    " from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, PRIMARY KEY (freeze, cluster, from_ms))"
    " WITHOUT ROWID",
    "INSERT INTO freeze_past (name, app, reason, actor, source, from_ms, until_ms, to_ms, ended_by,"
    " ended_why) SELECT name, app, reason, actor, '', at_ms, until_ms, 0, '', '' FROM freeze"
    " WHERE ended_ms = 0",
    "INSERT INTO freeze_past_cluster (freeze, cluster, from_ms, to_ms) SELECT p.id, k.cluster,"
    " p.from_ms, 0 FROM freeze_past p JOIN freeze_cluster k ON k.freeze = p.name",
    "CREATE TABLE breaker (app TEXT NOT NULL, cluster TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    " PRIMARY KEY (app, cluster)) WITHOUT ROWID",
    "CREATE INDEX decision_kept_out ON decision (seen_ms) WHERE provisional = 1",
    "ALTER TABLE presence ADD COLUMN freezes INTEGER NOT NULL DEFAULT 1",
    NULL,
};

static const char *const step_32[] = {
    // What sites allow themselves: `git` is 1 while a document in Git says it is that one, 2 once
    // none does any more, 0 before.
    "CREATE TABLE site_exemption (cluster TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,"
    " said TEXT NOT NULL, app TEXT NOT NULL, object TEXT NOT NULL, field TEXT NOT NULL,"
    " reason TEXT NOT NULL, actor TEXT NOT NULL, manager TEXT NOT NULL, message TEXT NOT NULL,"
    " until_ms INTEGER NOT NULL, began_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,"
    " seen_ms INTEGER NOT NULL, asked_ms INTEGER NOT NULL DEFAULT 0,"
    " git INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (cluster, id)) WITHOUT ROWID",
    "CREATE INDEX site_exemption_id ON site_exemption (id)",
    "CREATE INDEX site_exemption_object ON site_exemption (app, object)",
    "CREATE INDEX site_exemption_on ON site_exemption (until_ms) WHERE ended_ms = 0",
    "CREATE INDEX site_exemption_git ON site_exemption (id) WHERE git = 1",
    "ALTER TABLE exemption ADD COLUMN site TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX exemption_site ON exemption (site) WHERE site <> ''",
    "CREATE TRIGGER exemption_site_put AFTER INSERT ON exemption WHEN NEW.site <> '' BEGIN"
    " UPDATE site_exemption SET git = 1 WHERE id = NEW.site"
    " AND cluster IN (SELECT value FROM json_each(NEW.clusters)); END",
    "CREATE TRIGGER exemption_site_gone AFTER DELETE ON exemption WHEN OLD.site <> '' BEGIN"
    " UPDATE site_exemption SET git = 2 WHERE id = OLD.site AND git = 1; END",
    // All that are allowed: those of sites that Git has are told once.
    "CREATE VIEW exemption_any AS SELECT name, app, repo, path, clusters, object, field, reason,"
    " actor, until_ms, site, (SELECT min(s.said) FROM site_exemption s WHERE s.id = exemption.site"
    " AND exemption.site <> '') AS said, 1 AS git FROM exemption"
    " UNION ALL SELECT name, app, '', '', json_array(cluster), object, field, reason, actor,"
    " until_ms, id, said, 0 FROM site_exemption WHERE git = 0 AND began_ms > 0 AND ended_ms = 0",
    NULL,
};

static const char *const step_33[] = {
    "ALTER TABLE drift ADD COLUMN capture INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX drift_capture ON drift (cluster, key) WHERE capture = 1",
    NULL,
};

static const char *const step_34[] = {
    // What of the past the state repository does not tell yet (hub/store/past_lines.h).
    "CREATE TABLE past_unwritten (n INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL)",
    LINE_TRIGGER("past_cluster_put", "INSERT ON past_cluster", LINE_CLUSTER),
    LINE_TRIGGER("past_value_put", "INSERT ON past_value", LINE_VALUE),
    LINE_TRIGGER("past_image_put", "INSERT ON past_value_image", LINE_IMAGE),
    LINE_TRIGGER("past_checkpoint_put", "INSERT ON past_checkpoint", LINE_CHECKPOINT),
    LINE_TRIGGER("past_decision_put", "INSERT ON decision", LINE_DECISION),
    LINE_TRIGGER("past_decision_set", "UPDATE OF settled ON decision", LINE_DECISION),
    LINE_TRIGGER("past_verdict_put", "INSERT ON verdict", LINE_VERDICT),
    LINE_TRIGGER("past_proven_put", "INSERT ON proven", LINE_PROVEN),
    LINE_TRIGGER("past_proven_set", "UPDATE ON proven", LINE_PROVEN),
    LINE_TRIGGER("past_freeze_put", "INSERT ON freeze_past", LINE_FREEZE),
    LINE_TRIGGER("past_freeze_set", "UPDATE ON freeze_past", LINE_FREEZE),
    LINE_TRIGGER("past_frozen_put", "INSERT ON freeze_past_cluster", LINE_FROZEN),
    LINE_TRIGGER("past_frozen_set", "UPDATE ON freeze_past_cluster", LINE_FROZEN),
    NULL,
};

static const char *const step_35[] = {
    // Where only people can help (hub/store/needs.h).
    "CREATE TABLE needs_human (number INTEGER PRIMARY KEY, cluster TEXT NOT NULL,"
    " app TEXT NOT NULL, key TEXT NOT NULL, why TEXT NOT NULL, revision TEXT NOT NULL,"
    " form TEXT NOT NULL, bundle BLOB NOT NULL, at_ms INTEGER NOT NULL,"
    " UNIQUE (cluster, app, key))",
    "CREATE INDEX needs_human_app ON needs_human (app)",
    "CREATE VIEW problem_any AS SELECT number, repo, path, line, col, message, app, cluster,"
    " clusters, revision FROM problem UNION ALL SELECT -n.number, ifnull(a.repo, ''),"
    " ifnull(a.path, ''), 0, 0, n.key || ': ' || n.why, n.app, n.cluster, 1, n.revision FROM"
    " needs_human n LEFT JOIN app a ON a.name = n.app",
    NULL,
};

static const char *const step_36[] = {
    // Two more of `git` in what sites allow: 3 while a document in Git says it that came back after
    // there was none, which is for people to take out; 4 where an agent says that Git has had it,
    // and no document is known.
    "DROP TRIGGER exemption_site_put",
    "DROP TRIGGER exemption_site_gone",
    "CREATE TRIGGER exemption_site_put AFTER INSERT ON exemption WHEN NEW.site <> '' BEGIN"
    " UPDATE site_exemption SET git = iif(git IN (2, 3) OR (git = 4 AND ended_ms > 0), 3, 1)"
    " WHERE id = NEW.site AND cluster IN (SELECT value FROM json_each(NEW.clusters)); END",
    "CREATE TRIGGER exemption_site_gone AFTER DELETE ON exemption WHEN OLD.site <> '' BEGIN"
    " UPDATE site_exemption SET git = 2 WHERE id = OLD.site AND git IN (1, 3); END",
    NULL,
};

static const char *const step_37[] = {
    // Apps that are one release, and what each of them was on a cluster before its present commit.
    "CREATE TABLE app_group (app TEXT PRIMARY KEY, name TEXT NOT NULL, on_reject TEXT NOT NULL)"
    " WITHOUT ROWID",
    "CREATE INDEX app_group_name ON app_group (name)",
    "CREATE TABLE pair_before (cluster TEXT NOT NULL, app TEXT NOT NULL, bundle BLOB NOT NULL,"
    " revision TEXT NOT NULL, PRIMARY KEY (cluster, app)) WITHOUT ROWID",
    NULL,
};

static const char *const step_38[] = {
    // What was found of what a Hold does before it was written, with the decisions that it is made
    // of, by the name of its file: it lasts as long as they do, and stands in their lines as the
    // share of the traffic does.
    "ALTER TABLE decision ADD COLUMN proof TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX decision_held ON decision (app, bad_revision) WHERE settled = 1",
    "CREATE TRIGGER decision_proof AFTER INSERT ON intent WHEN new.kind = 'hold' AND"
    " json_extract(new.args, '$.trailers.Proof') IS NOT NULL BEGIN UPDATE decision SET proof ="
    " json_extract(new.args, '$.trailers.Proof') WHERE app = new.app AND settled = 1 AND"
    " bad_revision = json_extract(new.args, '$.trailers.\"Rejects-Commit\"') AND bad_revision <> ''"
    " AND instr(hold, replace(substr(new.cause, length(new.app) + 8), '.yaml', '')) > 0"
    " AND proof <> json_extract(new.args, '$.trailers.Proof'); END",
    "DROP TRIGGER past_decision_put",
    "DROP TRIGGER past_decision_set",
    LINE_TRIGGER("past_decision_put", "INSERT ON decision", LINE_DECISION_WEIGHED),
    LINE_TRIGGER("past_decision_set", "UPDATE OF settled, proof ON decision",
                 LINE_DECISION_WEIGHED),
    // What the past is asked for: what Git says; which share of the traffic a release has;
    // decisions of a time; and who did what.
    "CREATE INDEX past_change_desired ON past_change (at_ms) WHERE axis = 0",
    "CREATE INDEX decision_weight ON decision (app, at_ms) WHERE verdict = 'weight'",
    "CREATE INDEX decision_at ON decision (at_ms)",
    "CREATE INDEX event_told ON event (" EVENT_AT ") WHERE " EVENT_IS_TOLD,
    "CREATE INDEX event_hold ON event (key) WHERE kind = 'hold.started'",
    NULL,
};

static const char *const step_39[] = {
    // Commits that came with another one (`tip`) and were not looked at themselves.
    "CREATE TABLE passed (repo TEXT NOT NULL, id TEXT NOT NULL, tip TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL, PRIMARY KEY (id, repo)) WITHOUT ROWID",
    NULL,
};

// How many pairs are at the same (hub/store/query_conditions.h). Whatever changes a pair takes it
// out before, and puts it in again after, as it is then; so nothing may change one OR IGNORE.
#define TALLY_KEY "app, repo, revision, applied, current, health, connected, stale, held, waits"
#define TALLY(sign, where)                                                                         \
    "INSERT INTO tally (" TALLY_KEY ", pairs, drifted) SELECT " TALLY_KEY ", " sign "1, " sign     \
    "drifted FROM pair_now WHERE " where " ON CONFLICT (" TALLY_KEY ") DO UPDATE SET pairs ="      \
    " pairs + excluded.pairs, drifted = drifted + excluded.drifted"
#define TALLY_ALL                                                                                  \
    "INSERT INTO tally (" TALLY_KEY ", pairs, drifted) SELECT " TALLY_KEY ", count(*),"            \
    " sum(drifted) FROM pair_now GROUP BY " TALLY_KEY
#define TALLY_TRIGGER(name, when, sign, where)                                                     \
    "CREATE TRIGGER tally_" name " " when " BEGIN " TALLY(sign, where) "; END"
#define TALLY_TAKE(name, when, row)                                                                \
    TALLY_TRIGGER(name, "BEFORE " when, "-", "cluster = " row ".cluster AND app = " row ".app")
#define TALLY_GIVE(name, when, row)                                                                \
    TALLY_TRIGGER(name, "AFTER " when, "", "cluster = " row ".cluster AND app = " row ".app")

#define UNMANAGED_TRIGGER(name, when, which)                                                       \
    "CREATE TRIGGER unmanaged_" name " AFTER " when " BEGIN DELETE FROM unmanaged WHERE cluster =" \
    " " which "; INSERT INTO unmanaged SELECT cluster FROM agent WHERE state = 'active' AND"       \
    " cluster = " which " AND NOT EXISTS (SELECT 1 FROM cluster WHERE name = " which "); END"

static const char *const step_40[] = {
    "CREATE TABLE tally (app TEXT NOT NULL, repo TEXT NOT NULL, revision TEXT NOT NULL,"
    " applied INTEGER NOT NULL, current INTEGER NOT NULL, health INTEGER NOT NULL,"
    " connected INTEGER NOT NULL, stale INTEGER NOT NULL, held INTEGER NOT NULL,"
    " waits INTEGER NOT NULL, pairs INTEGER NOT NULL, drifted INTEGER NOT NULL,"
    " PRIMARY KEY (" TALLY_KEY ")) WITHOUT ROWID",
    "CREATE VIEW pair_now AS SELECT p.cluster, p.app, p.repo, p.revision,"
    " ifnull(s.applied, 0) AS applied, ifnull(s.bundle = p.bundle, 0) AS current,"
    " ifnull(s.health, 0) AS health, ifnull(r.connected, 0) <> 0 AS connected,"
    " p.stale <> 0 AS stale, p.held <> '' AS held, p.waits <> '' AS waits,"
    " ifnull(s.drifted, 0) AS drifted FROM pair p"
    " LEFT JOIN status s ON s.cluster = p.cluster AND s.app = p.app"
    " LEFT JOIN presence r ON r.cluster = p.cluster",
    TALLY_ALL,
    "CREATE TRIGGER tally_none AFTER UPDATE ON tally WHEN new.pairs = 0 BEGIN DELETE FROM tally"
    " WHERE app = new.app AND repo = new.repo AND revision = new.revision"
    " AND applied = new.applied AND current = new.current AND health = new.health"
    " AND connected = new.connected AND stale = new.stale AND held = new.held"
    " AND waits = new.waits; END",
    TALLY_TAKE("pair_put", "INSERT ON pair", "new"),
    TALLY_GIVE("pair_is", "INSERT ON pair", "new"),
    TALLY_TAKE("pair_goes", "DELETE ON pair", "old"),
    TALLY_TAKE("pair_set", "UPDATE ON pair", "old"),
    TALLY_GIVE("pair_was_set", "UPDATE ON pair", "new"),
    TALLY_TAKE("status_put", "INSERT ON status", "new"),
    TALLY_GIVE("status_is", "INSERT ON status", "new"),
    TALLY_TAKE("status_goes", "DELETE ON status", "old"),
    TALLY_GIVE("status_gone", "DELETE ON status", "old"),
    TALLY_TAKE("status_set", "UPDATE OF bundle, applied, health, drifted ON status", "old"),
    TALLY_GIVE("status_was_set", "UPDATE OF bundle, applied, health, drifted ON status", "new"),
    TALLY_TRIGGER("presence_put",
                  "BEFORE INSERT ON presence WHEN NOT EXISTS"
                  " (SELECT 1 FROM presence WHERE cluster = new.cluster)",
                  "-", "cluster = new.cluster"),
    TALLY_TRIGGER("presence_is", "AFTER INSERT ON presence", "", "cluster = new.cluster"),
    TALLY_TRIGGER("presence_goes", "BEFORE DELETE ON presence", "-", "cluster = old.cluster"),
    TALLY_TRIGGER("presence_gone", "AFTER DELETE ON presence", "", "cluster = old.cluster"),
    TALLY_TRIGGER("presence_set",
                  "BEFORE UPDATE OF connected ON presence"
                  " WHEN old.connected <> new.connected",
                  "-", "cluster = old.cluster"),
    TALLY_TRIGGER("presence_was_set",
                  "AFTER UPDATE OF connected ON presence"
                  " WHEN old.connected <> new.connected",
                  "", "cluster = new.cluster"),
    // Where an agent says that something is not well, or why.
    "CREATE INDEX status_tells ON status (app, cluster) WHERE applied <> 3 OR health <> 2"
    " OR message <> '' OR health_message <> ''",
    // Clusters that Git does not name and whose agent may connect.
    "CREATE TABLE unmanaged (cluster TEXT PRIMARY KEY) WITHOUT ROWID",
    "INSERT INTO unmanaged SELECT cluster FROM agent WHERE state = 'active'"
    " AND cluster NOT IN (SELECT name FROM cluster)",
    UNMANAGED_TRIGGER("named", "INSERT ON cluster", "new.name"),
    UNMANAGED_TRIGGER("unnamed", "DELETE ON cluster", "old.name"),
    UNMANAGED_TRIGGER("agent_put", "INSERT ON agent", "new.cluster"),
    UNMANAGED_TRIGGER("agent_set", "UPDATE OF state ON agent", "new.cluster"),
    UNMANAGED_TRIGGER("agent_gone", "DELETE ON agent", "old.cluster"),
    NULL,
};

static const char *const step_41[] = {
    // Who set a field, as the API server knows him: by its audit log. Empty: not known.
    "ALTER TABLE drift ADD COLUMN user TEXT NOT NULL DEFAULT ''",
    NULL,
};

static const char *const step_42[] = {
    // What is done where a release is rejected, or does not come up.
    "ALTER TABLE app ADD COLUMN reverts INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE app ADD COLUMN goes_back INTEGER NOT NULL DEFAULT 0",
    NULL,
};

static const char *const step_43[] = {
    // Objects that are other than Git says, or not there: few.
    "CREATE INDEX object_other ON object (cluster, app) WHERE actual <> x'' OR health = 4",
    // The past has one more axis.
    "DROP TRIGGER past_checkpoint_put",
    LINE_TRIGGER("past_checkpoint_put", "INSERT ON past_checkpoint", LINE_ANY_CHECKPOINT),
    NULL,
};

// How many pairs their agents do not have yet as they are, by the same rule as the tally: whatever
// may change that takes a pair out before, and puts it in again after.
#define UNDELIVERED(sign, where)                                                                   \
    "INSERT INTO undelivered (app, revision, pairs) SELECT p.app, p.revision, " sign "count(*)"    \
    " FROM pair p LEFT JOIN presence r ON r.cluster = p.cluster"                                   \
    " WHERE p.generation > ifnull(r.generation, 0) AND " where " GROUP BY p.app, p.revision"       \
    " ON CONFLICT (app, revision) DO UPDATE SET pairs = pairs + excluded.pairs"
#define UNDELIVERED_TRIGGER(name, when, sign, where)                                               \
    "CREATE TRIGGER undelivered_" name " " when " BEGIN " UNDELIVERED(sign, where) "; END"
#define OF_PAIR(row) "p.cluster = " row ".cluster AND p.app = " row ".app"
#define OF_CLUSTER(row) "p.cluster = " row ".cluster"

static const char *const step_44[] = {
    "CREATE TABLE undelivered (app TEXT NOT NULL, revision TEXT NOT NULL, pairs INTEGER NOT NULL,"
    " PRIMARY KEY (app, revision)) WITHOUT ROWID",
    UNDELIVERED("", "true"),
    "CREATE TRIGGER undelivered_none AFTER UPDATE ON undelivered WHEN new.pairs = 0 BEGIN DELETE"
    " FROM undelivered WHERE app = new.app AND revision = new.revision; END",
    UNDELIVERED_TRIGGER("pair_put", "BEFORE INSERT ON pair", "-", OF_PAIR("new")),
    UNDELIVERED_TRIGGER("pair_is", "AFTER INSERT ON pair", "", OF_PAIR("new")),
    UNDELIVERED_TRIGGER("pair_goes", "BEFORE DELETE ON pair", "-", OF_PAIR("old")),
    UNDELIVERED_TRIGGER("pair_set", "BEFORE UPDATE ON pair", "-", OF_PAIR("old")),
    UNDELIVERED_TRIGGER("pair_was_set", "AFTER UPDATE ON pair", "", OF_PAIR("new")),
    UNDELIVERED_TRIGGER("presence_put",
                        "BEFORE INSERT ON presence WHEN new.generation > 0 AND NOT EXISTS"
                        " (SELECT 1 FROM presence WHERE cluster = new.cluster)",
                        "-", OF_CLUSTER("new")),
    UNDELIVERED_TRIGGER("presence_is", "AFTER INSERT ON presence WHEN new.generation > 0", "",
                        OF_CLUSTER("new")),
    UNDELIVERED_TRIGGER("presence_goes", "BEFORE DELETE ON presence", "-", OF_CLUSTER("old")),
    UNDELIVERED_TRIGGER("presence_gone", "AFTER DELETE ON presence", "", OF_CLUSTER("old")),
    UNDELIVERED_TRIGGER("presence_set",
                        "BEFORE UPDATE OF generation ON presence"
                        " WHEN old.generation <> new.generation",
                        "-", OF_CLUSTER("old")),
    UNDELIVERED_TRIGGER("presence_was_set",
                        "AFTER UPDATE OF generation ON presence"
                        " WHEN old.generation <> new.generation",
                        "", OF_CLUSTER("new")),
    NULL,
};

static const char *const step_45[] = {
    // How what was changed by hand comes into Git by itself; '': as its repository can.
    "ALTER TABLE app ADD COLUMN capture TEXT NOT NULL DEFAULT ''",
    NULL,
};

static const char *const step_46[] = {
    // Since when an exemption is known; 0: it was before this was noted.
    "ALTER TABLE exemption_told ADD COLUMN began_ms INTEGER NOT NULL DEFAULT 0",
    NULL,
};

#define STEP_47_IS_STEP "verdict IN ('weight', 'started')"

static const char *const step_47[] = {
    // From when on all is known of what decisions, or events, tell of a cluster; of all of them:
    // ''. Until now two hundred decisions of a cluster were kept, and a number of all events.
    "CREATE TABLE past_gap (source TEXT NOT NULL, cluster TEXT NOT NULL, from_ms INTEGER NOT NULL,"
    " PRIMARY KEY (source, cluster)) WITHOUT ROWID",
    "INSERT INTO past_gap SELECT 'decisions', cluster, min(seen_ms) FROM decision"
    " WHERE provisional = 0 GROUP BY cluster HAVING count(*) >= 200",
    "INSERT INTO past_gap SELECT 'events', '', ifnull((SELECT min(at_ms) FROM event WHERE number >"
    " value), CAST(strftime('%s', 'now') AS INTEGER) * 1000) FROM meta WHERE name ="
    " 'events_trimmed'",
    "CREATE INDEX decision_step ON decision (cluster, number) WHERE provisional = 0 AND"
    " " STEP_47_IS_STEP,
    "CREATE INDEX decision_told ON decision (cluster, number) WHERE provisional = 0 AND NOT "
    "(" STEP_47_IS_STEP ")",
    "CREATE INDEX decision_holding ON decision (cluster, number) WHERE provisional = 1",
    "CREATE INDEX decision_seen ON decision (seen_ms) WHERE provisional = 0",
    "CREATE INDEX event_told_cluster ON event (cluster, number, kind) WHERE " EVENT_IS_TOLD,
    "CREATE INDEX event_told_at ON event (at_ms) WHERE " EVENT_IS_TOLD,
    "CREATE INDEX event_untold ON event (number, kind) WHERE NOT (" EVENT_IS_TOLD ")",
    // The log of the past tells no steps.
    "DROP INDEX decision_at",
    "CREATE INDEX decision_log ON decision (at_ms) WHERE NOT (" STEP_47_IS_STEP ")",
    "CREATE INDEX decision_log_kind ON decision (verdict, at_ms) WHERE NOT (" STEP_47_IS_STEP ")",
    "CREATE INDEX past_change_verdict ON past_change (value, at_ms) WHERE axis = 2",
    "CREATE INDEX decision_log_app ON decision (app, at_ms) WHERE NOT (" STEP_47_IS_STEP ")",
    // No decision was made after it was heard of.
    "UPDATE decision SET at_ms = seen_ms WHERE at_ms > seen_ms OR at_ms <= 0",
    NULL,
};

static const char *const step_48[] = {
    // That a controller waits for somebody to let a release go on is needed of people, too.
    "ALTER TABLE needs_human ADD COLUMN waits INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX decision_waits ON decision (app, at_ms) WHERE verdict = 'waiting'",
    NULL,
};

static const char *const step_49[] = {
    // What was decided since it was looked last, among all that keeps something out.
    "CREATE INDEX decision_unsettled ON decision (number) WHERE provisional = 1 AND settled = 0",
    NULL,
};

static const char *const step_50[] = {
    // The log of the past tells how somebody scaled.
    "CREATE INDEX event_scaled ON event (" EVENT_AT ") WHERE " EVENT_IS_SCALED,
    NULL,
};

static const char *const step_51[] = {
    // Of one cluster, which is asked for far more often; and how much of it an agent tells.
    "CREATE INDEX event_scaled_cluster ON event (cluster, " EVENT_AT ") WHERE " EVENT_IS_SCALED,
    // From when on all is known that was scaled.
    "INSERT INTO past_gap SELECT 'scaled', '', ifnull((SELECT min(at_ms) FROM event WHERE number >"
    " value), CAST(strftime('%s', 'now') AS INTEGER) * 1000) FROM meta WHERE name ="
    " 'events_trimmed'",
    NULL,
};

static const char *const step_52[] = {
    // Where nothing was promoted yet while releases of the App are kept out elsewhere: the keys of
    // the objects whose controllers are to promote, a line each.
    "CREATE TABLE beginning (cluster TEXT NOT NULL, app TEXT NOT NULL, needs TEXT NOT NULL,"
    " PRIMARY KEY (cluster, app)) WITHOUT ROWID",
    "CREATE INDEX proven_release ON proven (app, revision)",
    NULL,
};

static const char *const step_53[] = {
    // Who enrolls with it waits until a person accepts its key.
    "ALTER TABLE join_token ADD COLUMN needs_approval INTEGER NOT NULL DEFAULT 0",
    NULL,
};

static const char *const step_54[] = {
    // What somebody undoes by hand is a decision.
    "ALTER TABLE app ADD COLUMN holds_undo INTEGER NOT NULL DEFAULT 0",
    NULL,
};

static const char *const step_55[] = {
    // The state repository tells what only people can settle.
    "CREATE TRIGGER unobserved_needs AFTER INSERT ON needs_human WHEN new.waits = 0 BEGIN"
    " INSERT OR REPLACE INTO unobserved (cluster, app) VALUES (new.cluster, new.app); END",
    "CREATE TRIGGER unobserved_needs_no_more AFTER DELETE ON needs_human WHEN old.waits = 0 BEGIN"
    " INSERT OR REPLACE INTO unobserved (cluster, app) VALUES (old.cluster, old.app); END",
    "INSERT OR REPLACE INTO unobserved (cluster, app) SELECT cluster, app FROM needs_human WHERE"
    " waits = 0",
    // What `holdfast show` asks of such a decision.
    "CREATE INDEX decision_need ON decision (app, at_ms) WHERE verdict = 'failed_forward'",
    NULL,
};

static const char *const step_56[] = {
    // What changes all the time, and so waits to be written (hub/store/unwritten.h): for how long a
    // field's value may, and from when on an App is to be written.
    "ALTER TABLE drift ADD COLUMN waits_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE unobserved ADD COLUMN due_ms INTEGER NOT NULL DEFAULT 0",
    // A hash of what is there, without the values that wait. Empty: none does.
    "ALTER TABLE object ADD COLUMN firm BLOB NOT NULL DEFAULT x''",
    "DROP TRIGGER object_put",
    "CREATE TRIGGER object_put BEFORE INSERT ON object WHEN NOT EXISTS (SELECT 1 FROM object"
    " WHERE cluster = new.cluster AND key = new.key AND app = new.app AND sha256 = new.sha256"
    " AND (health = 4) = (new.health = 4) AND drift_more = new.drift_more"
    " AND firm = new.firm AND (actual = new.actual OR firm <> x'')"
    " AND (sha256 <> x'' OR (health = 0) = (new.health = 0))) BEGIN"
    " INSERT OR REPLACE INTO unobserved (cluster, app) VALUES (new.cluster, new.app); END",
    "CREATE TRIGGER drift_set AFTER UPDATE ON drift WHEN (old.waits_ms = 0 OR new.waits_ms = 0)"
    " AND (old.actual <> new.actual OR old.class <> new.class OR old.manager <> new.manager"
    " OR old.user <> new.user OR old.waits_ms <> new.waits_ms) BEGIN"
    " INSERT OR REPLACE INTO unobserved (cluster, app) VALUES (new.cluster, new.app); END",
    NULL,
};

static const char *const step_57[] = {
    // What runs behind the tags of a workload, a line each; "+": not all is known (status.h).
    "ALTER TABLE object ADD COLUMN digests TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX object_digests ON object (cluster, app) WHERE digests <> ''",
    // The past has an axis of that.
    "DROP TRIGGER past_checkpoint_put",
    LINE_TRIGGER("past_checkpoint_put", "INSERT ON past_checkpoint", LINE_EACH_CHECKPOINT),
    NULL,
};

static const char *const *const steps[] = {
    step_1,  step_2,  step_3,  step_4,  step_5,  step_6,  step_7,  step_8,  step_9,  step_10,
    step_11, step_12, step_13, step_14, step_15, step_16, step_17, step_18, step_19, step_20,
    step_21, step_22, step_23, step_24, step_25, step_26, step_27, step_28, step_29, step_30,
    step_31, step_32, step_33, step_34, step_35, step_36, step_37, step_38, step_39, step_40,
    step_41, step_42, step_43, step_44, step_45, step_46, step_47, step_48, step_49, step_50,
    step_51, step_52, step_53, step_54, step_55, step_56, step_57};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static enum cm_rc read_version(struct hub_db *db, int64_t *out, struct cm_err *err) {
    CM_CLEANUP(hub_stmt_endp) struct hub_stmt *stmt = NULL;
    enum cm_rc rc = hub_db_query(db, &stmt, err, "PRAGMA user_version", "");

    rc = rc < 0 ? rc : hub_stmt_next(stmt, err);
    if (rc == CM_OK) {
        *out = hub_stmt_int(stmt, 0);
    }
    return rc;
}

static enum cm_rc take_step(struct hub_db *db, const char *const *step, struct cm_err *err) {
    for (; *step != NULL; step++) {
        enum cm_rc rc = hub_db_run(db, err, *step, "");

        if (rc < 0) {
            return cm_wrap(err, "make the tables");
        }
    }
    return CM_OK;
}

#define VERSION(number) "PRAGMA user_version = " #number
static const char *const set_version[] = {
    NULL,        VERSION(1),  VERSION(2),  VERSION(3),  VERSION(4),  VERSION(5),  VERSION(6),
    VERSION(7),  VERSION(8),  VERSION(9),  VERSION(10), VERSION(11), VERSION(12), VERSION(13),
    VERSION(14), VERSION(15), VERSION(16), VERSION(17), VERSION(18), VERSION(19), VERSION(20),
    VERSION(21), VERSION(22), VERSION(23), VERSION(24), VERSION(25), VERSION(26), VERSION(27),
    VERSION(28), VERSION(29), VERSION(30), VERSION(31), VERSION(32), VERSION(33), VERSION(34),
    VERSION(35), VERSION(36), VERSION(37), VERSION(38), VERSION(39), VERSION(40), VERSION(41),
    VERSION(42), VERSION(43), VERSION(44), VERSION(45), VERSION(46), VERSION(47), VERSION(48),
    VERSION(49), VERSION(50), VERSION(51), VERSION(52), VERSION(53), VERSION(54), VERSION(55),
    VERSION(56), VERSION(57)};
_Static_assert(sizeof(set_version) / sizeof(set_version[0]) == STEPS + 1,
               "each step ends with its version");

static enum cm_rc take_steps(struct hub_db *db, int64_t from, int64_t to, struct cm_err *err) {
    for (int64_t i = from; i < to; i++) {
        enum cm_rc rc = take_step(db, steps[i], err);

        rc = rc < 0 ? rc : hub_db_run(db, err, set_version[i + 1], "");
        if (rc < 0) {
            return rc;
        }
    }
    return CM_OK;
}

enum cm_rc hub_schema_count_anew(struct hub_db *db, struct cm_err *err) {
    enum cm_rc rc = hub_db_run(db, err, "DELETE FROM tally", "");

    return rc < 0 ? rc : hub_db_run(db, err, TALLY_ALL, "");
}

int hub_schema_steps(void) {
    return STEPS;
}

enum cm_rc hub_schema_take(struct hub_db *db, int to, struct cm_err *err) {
    int64_t version = 0;
    enum cm_rc rc = read_version(db, &version, err);

    if (rc < 0 || version >= to) {
        return rc;
    }
    rc = hub_db_begin(db, err);
    rc = rc < 0 ? rc : take_steps(db, version, to, err);
    if (rc < 0) {
        hub_db_rollback(db);
        return rc;
    }
    return hub_db_commit(db, err);
}

enum cm_rc hub_schema_migrate(struct hub_db *db, struct cm_err *err) {
    int64_t version = 0;
    enum cm_rc rc = read_version(db, &version, err);

    if (rc == CM_OK && version > STEPS) {
        return cm_fail(err, CM_EINVAL,
                       "it was written by a newer holdfast-hub (version %lld, this one knows %d); "
                       "run that version, or restore a backup made before the upgrade",
                       (long long)version, STEPS);
    }
    return rc < 0 ? rc : hub_schema_take(db, STEPS, err);
}
