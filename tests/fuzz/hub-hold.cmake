add_fuzz_target(hub_hours hub_hold)
add_fuzz_target(hub_image hub_hold)
