add_fuzz_target(hub_line hub_past)
