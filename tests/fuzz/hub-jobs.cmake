add_fuzz_target(hub_report hub_jobs)
add_fuzz_target(hub_told hub_jobs)
