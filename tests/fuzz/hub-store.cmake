add_fuzz_target(hub_query hub_store)
