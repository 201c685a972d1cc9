add_module(agent_core
    SOURCES agent.c
    USES common agent_apply agent_cache agent_link agent_plan agent_watch)
