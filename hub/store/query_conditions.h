// query_conditions: the SQL of what a pair is at, for lists and counts alike.
//
// `p` is the pair and `s` its status, which is missing until the agent has reported; `r` is the
// presence of its cluster. Nobody knows how a cluster is whose agent is not connected: there
// nothing counts as healthy. Rows of one cluster, which say `connected` beside, tell what it said
// last.
//
// `t` is a row of the table `tally`: how many pairs of an App are at the same, which triggers keep
// (schema.c), in the transaction of whatever changed a pair. What is counted over all clusters is
// read from there: a few rows for an App, however many clusters it has. So is of the table
// `undelivered` how many pairs their agents do not have yet as they are.
//
// Threads: constants.
#pragma once

// The numbers of Applied and Health are those of proto/holdfast.proto.
#define IS_APPLIED "(s.applied = 3 AND s.bundle = p.bundle)"
#define IS_FAILED "(ifnull(s.applied, 0) = 4)"
#define WAS_HEALTHY "(" IS_APPLIED " AND s.health = 2)"
#define IS_HEALTHY "(" WAS_HEALTHY " AND r.connected)"
#define IS_OFFLINE "(NOT ifnull(r.connected, 0))"
#define IS_DEGRADED "(ifnull(s.health, 0) IN (3, 4))"
#define IS_DRIFTED "(ifnull(s.drifted, 0) > 0)"
#define JOIN_STATUS " LEFT JOIN status s ON s.cluster = p.cluster AND s.app = p.app"
#define JOIN_PRESENCE " LEFT JOIN presence r ON r.cluster = p.cluster"
#define PAIR_STATUS "pair p" JOIN_STATUS JOIN_PRESENCE
#define SUM(condition) "ifnull(sum(" condition "), 0)"

#define ARE_APPLIED "(t.applied = 3 AND t.current)"
#define ARE_FAILED "t.applied = 4"
#define ARE_HEALTHY "(" ARE_APPLIED " AND t.health = 2 AND t.connected)"
#define ARE_DEGRADED "t.health IN (3, 4)"
#define TALLIED(condition) "ifnull(sum(iif(" condition ", t.pairs, 0)), 0)"

// A range, so that a revision is found by its index; '~' is above all hexadecimal digits.
#define HUB_OF_REVISION(column) column " BETWEEN ? AND ? || '~'"

// Of the table `hold`.
#define HOLD_STATE                                                                                 \
    "CASE WHEN retry THEN 'retry' WHEN in_force > 0 THEN 'in force' WHEN repo = '' THEN 'waits'"   \
    " ELSE 'void' END"

// The pull request of a Hold: its branch ends with the name of the Hold's file.
#define PULL_OF_HOLD(what)                                                                         \
    "ifnull((SELECT " what " FROM pull_request p WHERE p.branch = 'holdfast/rollback/' ||"         \
    " hold.app || '/' || CASE WHEN substr(hold.name, 1, length(hold.app) + 1) = hold.app || '-'"   \
    " THEN substr(hold.name, length(hold.app) + 2) ELSE hold.name END"                             \
    " ORDER BY p.number DESC LIMIT 1), '')"

// What was proven of a Hold stands with the decision that it names.
#define PROOF_OF_HOLD                                                                              \
    "ifnull((SELECT d.proof FROM decision d WHERE d.app = hold.app AND d.settled = 1 AND"          \
    " lower(hex(d.id)) = hold.event), '')"
