add_fuzz_target(hub_exchange hub_repo)
add_fuzz_target(hub_known_hosts hub_repo)
add_fuzz_target(hub_url hub_repo)
