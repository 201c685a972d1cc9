add_executable(bench.reads reads.c)
target_link_libraries(bench.reads PRIVATE hub_store)
