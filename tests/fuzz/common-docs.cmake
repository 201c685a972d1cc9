add_fuzz_target(json common_docs)
add_fuzz_target(yaml common_docs)
