// fate: what becomes of a field that is not as Git says, where several things speak of it.
//
// One table says what wins (deploy/reference/exemptions.md): what the App says about drift, the
// first rule that is about the field, which may be an exemption, and who set the field. Whether the
// agent may change anything now is another matter (agent/watch/correct.c).
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

#include "agent/driver.h"
#include "agent/plan/desired.h"

struct agent_situation {
    enum agent_drift app; // what the App says
    bool ruled;           // a rule is about the field:
    enum agent_drift rule;
    bool exempt; // it is an exemption
    enum agent_difference difference;
};

struct agent_fate {
    bool drift;     // it is told as drift; else it is told to those who look
    bool corrected; // it becomes what Git says by itself
};

struct agent_fate agent_fate_of(const struct agent_situation *s);
