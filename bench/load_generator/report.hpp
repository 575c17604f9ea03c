// A run's result for people, as text, and for programs, as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "bench/load_generator/load_run.hpp"

namespace presenter::bench {

std::string format_report(const load_options&, const load_result&);

// Durations in microseconds, rates per second; the keys are what scripts rely on.
nlohmann::json make_json_report(const load_options&, const load_result&);

// One line, without the end of line.
std::string format_progress(const load_progress& now, const load_progress& before);

}  // namespace presenter::bench
