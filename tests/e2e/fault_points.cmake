# A hub that stops at named points (common/fault.h), for sim_fault_points.py: what has such points is
# compiled anew, and comes before the usual ones.
set(fault_parts)
function(add_fault_part room)
    list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/)
    add_library(${room}_points OBJECT ${ARGN})
    target_compile_definitions(${room}_points PRIVATE HOLDFAST_FAULT_POINTS)
    target_link_libraries(${room}_points PRIVATE build_flags ${room})
    set(fault_parts ${fault_parts} $<TARGET_OBJECTS:${room}_points> PARENT_SCOPE)
endfunction()

add_fault_part(hub_session hub/session/link.c)
add_fault_part(hub_jobs hub/jobs/prover.c hub/jobs/writer.c hub/jobs/writer_flush.c)
add_fault_part(hub_repo hub/repo/send.c hub/repo/state.c)
add_executable(holdfast-hub.points ${PROJECT_SOURCE_DIR}/hub/main.c ${PROJECT_SOURCE_DIR}/hub/hub.c
    ${PROJECT_SOURCE_DIR}/tests/fault/points.c ${fault_parts})
target_compile_definitions(holdfast-hub.points PRIVATE HOLDFAST_FAULT_POINTS)
target_link_libraries(holdfast-hub.points PRIVATE build_flags
    hub_config hub_access hub_backup hub_store hub_jobs hub_session hub_api hub_repo)
