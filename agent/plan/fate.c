#include "agent/plan/fate.h"

struct agent_fate agent_fate_of(const struct agent_situation *s) {
    enum agent_drift mode = s->ruled ? s->rule : s->app;
    bool foreign = s->difference == AGENT_DIFFERENCE_FOREIGN;
    bool added = s->difference == AGENT_DIFFERENCE_ADDED;
    bool stays = s->difference == AGENT_DIFFERENCE_STAYS;
    bool exempt = s->ruled && s->exempt;

    return (struct agent_fate){
        .drift = (foreign || added || stays) && mode != AGENT_DRIFT_OFF,
        .corrected = (foreign || added) && mode == AGENT_DRIFT_CORRECT && !exempt,
    };
}
