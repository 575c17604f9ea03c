// What is left of a gateway's first process when another one has taken its place and nobody can be
// told so: process 1 of a container, or the child of a supervisor that knows one process only. It
// has no memory of the gateway and no descriptor of it, for it is this program begun anew; it
// passes signals on, and ends with the status of the gateway.
#pragma once

#include <sys/types.h>

#include "gateway/upgrade/upgrade_channel.hpp"

namespace presenter::gateway {

// "presenter --parent CHANNEL PID" instead of everything else on the command line.
inline constexpr const char* parent_option = "--parent";

// In a process that has been replaced: signals go on to `main`, whatever was to be done about them.
void pass_signals_on(pid_t main) noexcept;

// In the process that has been replaced by `main`: begins this program anew as an empty parent, so
// that all memory goes. Signals that come meanwhile wait. Returns if that fails.
void become_empty_parent(const upgrade_channel& to_main, pid_t main) noexcept;

// The whole life of an empty parent. Returns its exit status: that of the last main process, or 128
// and the signal that ended it.
int be_empty_parent(upgrade_channel to_main, pid_t main);

}  // namespace presenter::gateway
