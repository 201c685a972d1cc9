add_fuzz_target(hub_uri hub_api)
add_fuzz_target(hub_body hub_api)
add_fuzz_target(hub_http hub_api_rig)
add_fuzz_target(hub_signature hub_api)
