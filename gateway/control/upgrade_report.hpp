// An upgrade in place as the page of [admin] shows it: how far it is, and what became of the last.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/vocabulary/upgrade_result.hpp"

namespace presenter::gateway {

enum class upgrade_step : std::uint8_t {
  idle,
  check,
  survey,
  start,
  settle,
  freeze,
  adopt,
  commit
};

std::string_view name_of(upgrade_step step) noexcept;

struct upgrade_report {
  std::uint64_t number = 0;  // of the upgrade, since the gateway's first process; 0: none yet
  bool is_dry_run = false;
  std::string program;
  std::optional<upgrade_result> result;  // nothing: it is under way
  std::string reason;                    // why not; empty: done
  std::vector<std::string> output;       // of the new program's check
  std::size_t clients = 0;
  std::size_t left_behind = 0;                           // of them: cannot go along
  std::optional<std::chrono::duration<double>> silence;  // how long clients stood still
};

// Life: the process's. `version`: of the program.
std::string to_json(const std::string& gateway, std::string_view version, upgrade_step now,
                    const upgrade_report& report);

}  // namespace presenter::gateway
