pkg_check_modules(ZSTD IMPORTED_TARGET libzstd) # for this bench only: nothing that is shipped needs it
if(ZSTD_FOUND)
    add_executable(bench.compression compression.c squeeze.c memory_fleet.c)
    target_link_libraries(bench.compression PRIVATE hub_jobs ZLIB::ZLIB PkgConfig::ZSTD)
endif()
