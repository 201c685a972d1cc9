add_fuzz_target(plan_show hub_plan)
