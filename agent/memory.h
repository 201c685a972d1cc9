// memory: how the agents' programs deal with theirs.
//
// An agent sits in every cluster beside what people pay for, so it keeps little and gives back what
// it does not need.
//
// Threads: the main thread.
#pragma once

// agent_memory_set makes the allocator sparing: one heap for all our threads, and what is large
// goes back to the system when it is freed. By default there is a heap for each thread, and bounds
// that grow. Called before any other thread is there.
void agent_memory_set(void);

// agent_memory_give_back returns to the system what is free, in the middle of the heap too, and the
// code and constants that nobody has used lately: our libraries touch megabytes of theirs when they
// begin. What is used again comes back from the page cache. Called now and then; it takes less than
// a millisecond.
void agent_memory_give_back(void);
