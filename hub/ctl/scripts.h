// scripts: files of deploy/, built in.
//
// Threads: constants.
#pragma once

extern const char ctl_bash[];
extern const char ctl_zsh[];
extern const char ctl_fish[];
extern const char ctl_agent_yaml[];
