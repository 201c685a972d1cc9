// past_gap: from when on all is known that decisions, or events, tell of a cluster, or what was
// scaled there; of all of them: ''. What goes by age later leaves a gap as late as it is.
//
// Threads: any.
#pragma once

#define PAST_GAP_STAYS                                                                             \
    "ON CONFLICT (source, cluster) DO UPDATE SET from_ms = max(from_ms, excluded.from_ms)"
