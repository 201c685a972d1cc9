add_module(common
    SOURCES arena.c backoff.c buf.c clock.c err.c fsys.c harden.c log.c loop.c map.c mem.c metrics.c process.c semver.c
            str.c throttle.c workers.c
    USES Threads::Threads)
