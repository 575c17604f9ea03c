// gateway config, gateway reload: the configuration in force, and reading its file anew.
#pragma once

#include "presenterctl/exit_code.hpp"
#include "presenterctl/reports.hpp"

namespace presenter::ctl {

// Every key with its value and where that comes from. `only_set`: those that the file or the
// environment sets.
exit_code show_configuration(const gateway_options& options, bool only_set);

// One gateway after the other, each takes all that can change, or nothing. exit_no: one has
// refused; those behind it are left alone.
exit_code reload_configuration(const gateway_options& options);

}  // namespace presenter::ctl
