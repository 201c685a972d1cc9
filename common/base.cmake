add_module(common SOURCES err.c mem.c USES Threads::Threads)
