# Documents: JSON and YAML. This part alone sees libyaml.
add_module(common_docs
    SOURCES decimal.c json.c json_members.c json_tree.c json_write.c selector.c utf8.c
            yaml.c yaml_become.c yaml_edit.c yaml_merge.c yaml_next.c yaml_piece.c yaml_scalar.c yaml_tree.c
            yaml_write.c
    USES common PkgConfig::YAML m)
