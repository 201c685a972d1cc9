// query_conditions: the SQL of what a pair is at, for lists and counts alike.
//
// `p` is the pair and `s` its status, which is missing until the agent has reported.
//
// Threads: constants.
#pragma once

// The numbers of Applied and Health are those of proto/holdfast.proto.
#define IS_APPLIED "(s.applied = 3 AND s.bundle = p.bundle)"
#define IS_FAILED "(ifnull(s.applied, 0) = 4)"
#define IS_HEALTHY "(" IS_APPLIED " AND s.health = 2)"
#define IS_DEGRADED "(ifnull(s.health, 0) IN (3, 4))"
#define IS_DRIFTED "(ifnull(s.drifted, 0) > 0)"
#define PAIR_STATUS "pair p LEFT JOIN status s ON s.cluster = p.cluster AND s.app = p.app"
#define SUM(condition) "ifnull(sum(" condition "), 0)"
