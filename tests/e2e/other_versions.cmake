# Programs that speak other versions of the protocol than the present one, for sim_versions.py: the
# rooms that ask which are compiled anew, and come before the usual ones.
function(add_other_version name min max)
    add_library(hub_session_${name} OBJECT ${PROJECT_SOURCE_DIR}/hub/session/link.c)
    add_library(agent_link_${name} OBJECT ${PROJECT_SOURCE_DIR}/agent/link/link.c)
    foreach(room hub_session agent_link)
        target_compile_definitions(${room}_${name} PRIVATE WIRE_PROTOCOL_MIN=${min} WIRE_PROTOCOL_MAX=${max})
        target_link_libraries(${room}_${name} PRIVATE build_flags ${room})
    endforeach()
    add_executable(holdfast-hub.${name} ${PROJECT_SOURCE_DIR}/hub/main.c ${PROJECT_SOURCE_DIR}/hub/hub.c
        $<TARGET_OBJECTS:hub_session_${name}>)
    target_link_libraries(holdfast-hub.${name} PRIVATE build_flags
        hub_config hub_access hub_backup hub_store hub_jobs hub_session hub_api hub_repo)
    add_executable(holdfast-sim.${name} ${PROJECT_SOURCE_DIR}/agent/sim_main.c
        ${PROJECT_SOURCE_DIR}/agent/sim_fleet.c ${PROJECT_SOURCE_DIR}/agent/sim_control.c
        $<TARGET_OBJECTS:agent_link_${name}>)
    target_link_libraries(holdfast-sim.${name} PRIVATE build_flags
        agent_config agent_core agent_sim)
endfunction()

add_other_version(next 1 2)
add_other_version(later 2 2)

# These have an older table of messages, too.
add_other_version(older 1 1)
foreach(program holdfast-hub.older holdfast-sim.older)
    target_sources(${program} PRIVATE older_table.c)
    target_link_libraries(${program} PRIVATE proto_older)
    foreach(function wire_pack wire_unpack wire_is_skipped wire_max_payload cm_net_send)
        target_link_options(${program} PRIVATE -Wl,--wrap=${function})
    endforeach()
endforeach()
