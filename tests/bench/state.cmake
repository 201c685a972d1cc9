add_executable(bench.state state.c)
target_link_libraries(bench.state PRIVATE hub_jobs ZLIB::ZLIB)
