if(TARGET hub_fleet AND TARGET hub_repo AND TARGET common_http)
    # The scripts of deploy/completion are built in, and installed where the shells look; so is what
    # brings an agent into a cluster.
    set(scripts ${CMAKE_CURRENT_BINARY_DIR}/ctl_scripts.c)
    set(text "#include \"hub/ctl/scripts.h\"\n")
    foreach(file completion/holdfast.bash completion/holdfast.zsh completion/holdfast.fish
            kubernetes/agent.yaml)
        set(script ${PROJECT_SOURCE_DIR}/deploy/${file})
        string(REGEX REPLACE "^.*/(holdfast\\.)?" "" name ${file})
        string(REPLACE "." "_" name ${name})
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${script})
        file(READ ${script} bytes HEX)
        string(REGEX REPLACE "(..)" "0x\\1, " bytes "${bytes}")
        string(APPEND text "const char ctl_${name}[] = {${bytes}0};\n")
    endforeach()
    file(CONFIGURE OUTPUT ${scripts} CONTENT "${text}" @ONLY)
    install(FILES ${PROJECT_SOURCE_DIR}/deploy/completion/holdfast.bash
        DESTINATION share/bash-completion/completions RENAME holdfast)
    install(FILES ${PROJECT_SOURCE_DIR}/deploy/completion/holdfast.zsh
        DESTINATION share/zsh/site-functions RENAME _holdfast)
    install(FILES ${PROJECT_SOURCE_DIR}/deploy/completion/holdfast.fish
        DESTINATION share/fish/vendor_completions.d)

    # All but main, so that tests can have it.
    add_module(hub_ctl
        SOURCES ctl/action.c ctl/cell.c ctl/client.c ctl/complete.c ctl/completion.c ctl/context.c
                ctl/ctl.c ctl/debug.c ctl/describe.c ctl/diff.c ctl/enroll.c ctl/fleet.c ctl/fold.c ctl/freeze.c ctl/get.c ctl/help.c
                ctl/jsonpath.c ctl/jsonpath_parse.c ctl/lines.c ctl/live.c ctl/logs.c ctl/man.c
                ctl/manifests.c ctl/names.c ctl/offline.c
                ctl/options.c ctl/past.c ctl/past_objects.c ctl/plan.c ctl/print.c ctl/progress.c ctl/query.c ctl/range.c
                ctl/render.c ctl/resources.c ctl/rows.c ctl/scope.c ctl/screen.c ctl/settings.c
                ctl/sources.c ctl/sync.c ctl/table.c ctl/tar.c ctl/text.c ctl/token.c ctl/validate.c
                ctl/verbs.c ctl/version.c ctl/wait.c ctl/watch.c ctl/words.c ctl/write.c ${scripts}
        USES common common_docs common_options common_http hub_fleet hub_plan hub_render hub_repo ZLIB::ZLIB)
    add_program(holdfast SOURCES ctl/main.c USES hub_ctl)

    # Manual pages come from the same tables as the help.
    add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/man/holdfast.1
        COMMAND holdfast __man ${CMAKE_BINARY_DIR}/man DEPENDS holdfast VERBATIM)
    add_custom_target(manual ALL DEPENDS ${CMAKE_BINARY_DIR}/man/holdfast.1)
    install(DIRECTORY ${CMAKE_BINARY_DIR}/man/ DESTINATION share/man/man1)
endif()
