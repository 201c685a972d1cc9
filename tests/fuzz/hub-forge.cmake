add_fuzz_target(hub_forge hub_forge)
