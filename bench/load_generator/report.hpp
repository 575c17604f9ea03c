// A run's result for people, as text, and for programs, as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "bench/load_generator/load_run.hpp"

namespace presenter::bench {

std::string_view name_of(load_kind);

std::string format_report(const load_options&, const load_result&);

// Durations in microseconds, rates per second; the keys are what scripts rely on. All of them stand
// in the README of this folder.
nlohmann::json make_json_report(const load_options&, const load_result&);

// Each one line, without the end of line.
std::string format_progress(const load_progress& now, const load_progress& before);
std::string format_step(const ramp_result&);

}  // namespace presenter::bench
