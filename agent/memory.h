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

// agent_memory_give_back returns free memory to the system, in the middle of the heap too; called
// now and then. Less than a millisecond for some megabytes.
void agent_memory_give_back(void);
