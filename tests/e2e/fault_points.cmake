# A hub and a fleet that stop at named points (common/fault.h), for sim_fault_points*.py: what has such points is
# compiled anew, and comes before the usual ones.
set(fault_parts)
function(add_fault_part room)
    list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/)
    add_library(${room}_points OBJECT ${ARGN})
    target_compile_definitions(${room}_points PRIVATE HOLDFAST_FAULT_POINTS)
    target_link_libraries(${room}_points PRIVATE build_flags ${room})
    set(fault_parts ${fault_parts} $<TARGET_OBJECTS:${room}_points> PARENT_SCOPE)
endfunction()

add_fault_part(hub_backup hub/backup/backup.c)
add_fault_part(hub_session hub/session/enroll.c hub/session/keys.c hub/session/link.c
    hub/session/sessions.c)
add_fault_part(hub_jobs hub/jobs/exempter.c hub/jobs/freezer.c hub/jobs/identity.c hub/jobs/prover.c hub/jobs/writer.c
    hub/jobs/writer_flush.c hub/jobs/writer_pulls.c)
add_fault_part(hub_repo hub/repo/send.c hub/repo/state.c)
add_executable(holdfast-hub.points ${PROJECT_SOURCE_DIR}/hub/main.c ${PROJECT_SOURCE_DIR}/hub/hub.c
    ${PROJECT_SOURCE_DIR}/tests/fault/points.c ${fault_parts})
target_compile_definitions(holdfast-hub.points PRIVATE HOLDFAST_FAULT_POINTS)
target_link_libraries(holdfast-hub.points PRIVATE build_flags
    hub_config hub_access hub_backup hub_store hub_jobs hub_session hub_api hub_repo)

set(fault_parts)
add_fault_part(agent_apply agent/apply/ops.c)
add_fault_part(agent_cache agent/cache/cache.c)
add_fault_part(agent_link agent/link/fetch.c agent/link/renew.c)
add_fault_part(agent_watch agent/watch/decide.c)
add_executable(holdfast-sim.points ${PROJECT_SOURCE_DIR}/agent/sim_main.c
    ${PROJECT_SOURCE_DIR}/agent/sim_fleet.c ${PROJECT_SOURCE_DIR}/agent/sim_control.c
    ${PROJECT_SOURCE_DIR}/tests/fault/points.c ${fault_parts})
target_compile_definitions(holdfast-sim.points PRIVATE HOLDFAST_FAULT_POINTS)
target_link_libraries(holdfast-sim.points PRIVATE build_flags agent_config agent_core agent_sim)
