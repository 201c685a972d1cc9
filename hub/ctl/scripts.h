// scripts: the files of deploy/completion, built in.
//
// Threads: constants.
#pragma once

extern const char ctl_script_bash[];
extern const char ctl_script_zsh[];
extern const char ctl_script_fish[];
