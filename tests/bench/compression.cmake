add_executable(bench.compression compression.c squeeze.c memory_fleet.c)
target_link_libraries(bench.compression PRIVATE hub_jobs ZLIB::ZLIB PkgConfig::ZSTD)
