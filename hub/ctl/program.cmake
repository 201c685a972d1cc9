if(TARGET hub_fleet AND TARGET hub_repo AND TARGET common_http)
    # All but main, so that tests can have it.
    add_module(hub_ctl
        SOURCES ctl/client.c ctl/diff.c ctl/enroll.c ctl/get.c ctl/print.c ctl/sync.c
                ctl/validate.c ctl/version.c ctl/wait.c ctl/words.c
        USES common common_docs common_options common_http hub_fleet hub_render hub_repo)
    add_program(holdfast SOURCES ctl/main.c USES hub_ctl)
endif()
