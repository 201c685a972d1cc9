add_unit_test(test_json common_docs)
add_unit_test(test_yaml common_docs)
