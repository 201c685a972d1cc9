if(TARGET hub_fleet AND TARGET hub_repo AND TARGET common_http)
    # All but main, so that tests can have it.
    add_module(hub_ctl
        SOURCES ctl/action.c ctl/cell.c ctl/client.c ctl/context.c ctl/ctl.c ctl/describe.c ctl/diff.c ctl/enroll.c ctl/fold.c ctl/get.c ctl/help.c
                ctl/jsonpath.c ctl/jsonpath_parse.c ctl/lines.c ctl/logs.c ctl/names.c ctl/offline.c ctl/options.c ctl/plan.c ctl/print.c ctl/progress.c
                ctl/query.c ctl/range.c ctl/render.c ctl/resources.c ctl/rows.c ctl/scope.c ctl/screen.c ctl/settings.c ctl/sources.c ctl/sync.c ctl/table.c
                ctl/text.c ctl/token.c ctl/validate.c ctl/verbs.c ctl/version.c ctl/wait.c ctl/watch.c ctl/words.c
        USES common common_docs common_options common_http hub_fleet hub_plan hub_render hub_repo)
    add_program(holdfast SOURCES ctl/main.c USES hub_ctl)
endif()
