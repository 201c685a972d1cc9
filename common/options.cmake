# Apart from the base, because its file is YAML.
add_module(common_options SOURCES options.c options_file.c options_print.c options_value.c
    USES common_docs)
