// past_lines_sql: rows of tables as lines (hub/past/line.h), in SQL. Released steps of the schema
// hold them, so they never change: a member that is added gets a step, and a macro, of its own.
//
// R is what a column's name begins with: "new." in a trigger, "t." in a
// query.
//
// Threads: any.
#pragma once

#define LINE_CLUSTER(R) "json_object('kind','cluster','number'," R "number,'cluster'," R "name)"
#define LINE_VALUE(R)                                                                              \
    "json_object('kind','value','number'," R "number,'app'," R "app,'bundle',lower(hex(" R         \
    "bundle)),'revision'," R "revision,'repo'," R "repo,'held'," R "held,'suspended'," R           \
    "suspended)"
#define LINE_IMAGE(R)                                                                              \
    "json_object('kind','image','value'," R "value,'image',(SELECT i.image FROM past_image i"      \
    " WHERE i.number = " R "image))"
#define LINE_AXIS(R)                                                                               \
    "CASE " R "axis WHEN 0 THEN 'desired' WHEN 1 THEN 'actual' WHEN 2 THEN 'verdict'"              \
    " ELSE 'seen' END"
#define LINE_CHECKPOINT(R)                                                                         \
    "json_object('kind','checkpoint','app'," R "app,'axis'," LINE_AXIS(R) ",'atMs'," R "at_ms)"
// Since step 43 there are images, too.
#define LINE_AXES(R)                                                                               \
    "CASE " R "axis WHEN 0 THEN 'desired' WHEN 1 THEN 'actual' WHEN 2 THEN 'verdict'"              \
    " WHEN 3 THEN 'seen' ELSE 'images' END"
#define LINE_ANY_CHECKPOINT(R)                                                                     \
    "json_object('kind','checkpoint','app'," R "app,'axis'," LINE_AXES(R) ",'atMs'," R "at_ms)"
// Since step 57 there are digests, too.
#define LINE_EACH_AXIS(R)                                                                          \
    "CASE " R "axis WHEN 0 THEN 'desired' WHEN 1 THEN 'actual' WHEN 2 THEN 'verdict'"              \
    " WHEN 3 THEN 'seen' WHEN 4 THEN 'images' ELSE 'digests' END"
#define LINE_EACH_CHECKPOINT(R)                                                                    \
    "json_object('kind','checkpoint','app'," R "app,'atMs'," R "at_ms,'axis'," LINE_EACH_AXIS(R) ")"
#define LINE_DECISION(R)                                                                           \
    "json_object('kind','decision','number'," R "number,'id',lower(hex(" R "id)),'cluster'," R     \
    "cluster,'clusterId'," R "cluster_id,'app'," R "app,'key'," R "key,'controller'," R            \
    "controller,'controllerKey'," R "controller_key,'verdict'," R "verdict,'badRevision'," R       \
    "bad_revision,'goodRevision'," R "good_revision,'text'," R "text,'atMs'," R                    \
    "at_ms,'seenMs'," R "seen_ms,'actor'," R "actor,'settled'," R "settled)"
// Since step 35; a decision without a share of the traffic has no weight.
#define LINE_DECISION_WEIGHED(R)                                                                   \
    "json_patch(" LINE_DECISION(R) ",json_object('weight',iif(" R "weight < 0, '', CAST(" R        \
                                   "weight AS TEXT)),'proof'," R "proof))"
#define LINE_VERDICT(R)                                                                            \
    "json_object('kind','verdict','clusterId'," R "cluster_id,'app'," R "app,'identity'," R        \
    "identity,'verdict'," R "verdict,'revision'," R "revision,'atMs'," R "at_ms,'actor'," R "by)"
#define LINE_PROVEN(R)                                                                             \
    "json_object('kind','proven','cluster'," R "cluster,'key'," R "key,'agent'," R                 \
    "agent,'app'," R "app,'needs'," R "needs,'revision'," R "revision,'bundle',lower(hex(" R       \
    "bundle)))"
#define LINE_FREEZE(R)                                                                             \
    "json_object('kind','freeze','number'," R "id,'name'," R "name,'app'," R "app,'reason'," R     \
    "reason,'actor'," R "actor,'source'," R "source,'fromMs'," R "from_ms,'untilMs'," R            \
    "until_ms,'toMs'," R "to_ms,'endedBy'," R "ended_by,'endedWhy'," R "ended_why)"
#define LINE_FROZEN(R)                                                                             \
    "json_object('kind','frozen','number'," R "freeze,'cluster'," R "cluster,'fromMs'," R          \
    "from_ms,'toMs'," R "to_ms)"

// Which events the log tells, and when they happened.
#define EVENT_AT "iif(happened_ms > 0, happened_ms, at_ms)"
#define EVENT_IS_TOLD                                                                              \
    "kind IN ('drift.found', 'hold.started', 'hold.retried', 'hold.void', 'hold.ended',"           \
    " 'ban.started', 'ban.ended', 'exemption.started', 'exemption.ended', 'release.not_held',"     \
    " 'release.rollback', 'write.impossible', 'pull-request.opened', 'pull-request.merged',"       \
    " 'pull-request.closed', 'agent.upgraded')"

// Which ones it gathers: how somebody scaled (hub/past/scaling.h). There may be many.
#define EVENT_IS_SCALED "kind = 'app.scaled'"

#define LINES_WANTED "(SELECT value FROM meta WHERE name = 'past_lines') > 0"
#define LINE_TRIGGER(NAME, WHEN, LINE)                                                             \
    "CREATE TRIGGER " NAME " AFTER " WHEN " WHEN " LINES_WANTED                                    \
    " BEGIN INSERT INTO past_unwritten (line) VALUES (" LINE("new.") "); END"
