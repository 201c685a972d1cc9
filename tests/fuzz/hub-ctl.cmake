add_fuzz_target(ctl_jsonpath hub_ctl)
add_fuzz_target(ctl_settings hub_ctl)
add_fuzz_target(ctl_text hub_ctl)
