add_executable(bench.past past.c)
target_link_libraries(bench.past PRIVATE hub_store)
