add_fuzz_target(squeeze proto)
add_fuzz_target(token proto)
add_fuzz_target(wire proto proto_samples)
