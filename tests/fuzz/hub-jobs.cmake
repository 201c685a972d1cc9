add_fuzz_target(hub_report hub_jobs)
