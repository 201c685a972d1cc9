add_executable(bench.resolve resolve.c memory_fleet.c)
target_link_libraries(bench.resolve PRIVATE hub_fleet)
