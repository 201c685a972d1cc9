if(TARGET hub_api)
    add_program(holdfast-hub SOURCES main.c hub.c
        USES hub_config hub_access hub_backup hub_store hub_jobs hub_session hub_api hub_repo)
endif()
include(ctl/program.cmake OPTIONAL)
