// Schedules that are drawn by seeds: which of them a run takes is said in its environment.
//
//   PRESENTER_SEED                 this one again, and no other
//   PRESENTER_SIMULATION_FIRST     the first seed, from which they count up; a new one without it
//   PRESENTER_SIMULATION_SECONDS   as many schedules as the time holds
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <random>

namespace presenter::testing {

inline std::optional<std::uint64_t> number_from(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

struct schedules_run {
  std::uint64_t schedules = 0;
  double seconds = 0;
};

// Calls `run_seed(seed)`, which is true if nothing was found, `schedules_min` times at the least.
// Returns nothing if one seed was run again, or one found something: what was covered then is no
// measure of the schedules.
template <typename RunSeed>
std::optional<schedules_run> run_seeds(std::uint64_t schedules_min, RunSeed run_seed) {
  if (const auto seed = number_from("PRESENTER_SEED")) {
    EXPECT_TRUE(run_seed(*seed));
    return std::nullopt;
  }
  const auto budget = std::chrono::seconds(number_from("PRESENTER_SIMULATION_SECONDS").value_or(0));
  const std::uint64_t first =
      number_from("PRESENTER_SIMULATION_FIRST").value_or(std::random_device{}());
  const auto started = std::chrono::steady_clock::now();
  std::uint64_t done = 0;
  while (done < schedules_min || std::chrono::steady_clock::now() - started < budget)
    if (!run_seed(first + done++)) return std::nullopt;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  return schedules_run{done, took.count()};
}

}  // namespace presenter::testing
