add_fuzz_target(hub_document hub_fleet)
add_fuzz_target(hub_ignore hub_fleet)
add_fuzz_target(hub_glob hub_fleet)
