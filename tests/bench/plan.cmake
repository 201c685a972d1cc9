add_executable(bench.plan plan.c memory_fleet.c)
target_link_libraries(bench.plan PRIVATE hub_plan)
