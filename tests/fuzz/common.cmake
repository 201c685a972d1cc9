add_fuzz_target(duration common)
if(TARGET common_options)
    add_fuzz_target(options common_options)
endif()
