add_module(agent_core
    SOURCES agent.c exempt.c look.c memory.c metrics.c prove.c
    USES common common_object proto agent_apply agent_cache agent_link agent_plan agent_watch)

if(TARGET agent_kube)
    add_program(holdfast-agent SOURCES main.c USES agent_config agent_core agent_kube agent_sim)
endif()

# Many agents with simulated clusters in one process.
add_program(holdfast-sim SOURCES sim_main.c sim_fleet.c sim_control.c
    USES agent_config agent_core agent_sim)
