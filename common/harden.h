// harden: what a program that holds keys gives up at its start.
//
// No core dumps: they would carry keys and Secrets to wherever the system keeps cores; and nobody
// of the same user may look into the process (ptrace, /proc/PID/mem). Root still may.
//
// Threads: the owner, before the first thread starts.
#pragma once

// cm_harden gives it up. Where the system does not let it, nothing is lost: it is logged at debug.
void cm_harden(void);
