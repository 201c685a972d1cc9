add_fuzz_target(hub_uri hub_api)
