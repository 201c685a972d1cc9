add_fuzz_target(hub_line hub_past)
add_fuzz_target(hub_select hub_past)
