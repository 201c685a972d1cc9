add_unit_test(test_json common_docs)
add_unit_test(test_selector common_docs)
add_unit_test(test_utf8 common_docs)
add_unit_test(test_yaml common_docs)
add_unit_test(test_yaml_become common_docs)
add_unit_test(test_yaml_edit common_docs)
add_unit_test(test_yaml_oracle common_docs)
target_compile_definitions(common.test_yaml_oracle
    PRIVATE CASES_DIR="${PROJECT_SOURCE_DIR}/tests/oracle/yaml")
