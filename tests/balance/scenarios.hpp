// What happens to the fleet, and what is measured of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "fleet_model.hpp"

namespace presenter::tests {

inline constexpr seconds minute{60};
inline constexpr seconds hour{3'600};

// Of the mean of a fleet that a newcomer has joined.
inline constexpr std::int64_t mean_clients = 45'000;

// Clients of the newcomer, as parts of the mean.
struct filling {
  std::optional<seconds> half;  // after its start
  std::optional<seconds> most;  // 80 %
  double highest = 0;
  double deepest_fall = 0;    // below what it had before
  double others_highest = 0;  // the fullest of the others, in the second half of the time
  double others_lowest = 1;   // the emptiest
  std::int64_t closed = 0;    // by shedding
  double closed_peak = 0;     // in a second, over ten seconds
  std::vector<double> each_minute;
};

// A fleet of `options.gateways`, in balance; then one joins. For four lives, at least four hours.
filling join(fleet_options options);

// Arrivals, as parts of the mean of all gateways.
struct storm_load {
  double newcomer = 0;       // while it lasted
  double newcomer_peak = 0;  // in its worst second
  double others_peak = 0;
};

// A newcomer has been there for `age`; then 50,000 clients lose their connections within ten
// seconds and come back.
storm_load storm(fleet_options options, seconds age);

// One gateway drains.
struct leaving {
  double after_ttl = 0;   // arrivals at it, as a part of those before
  double after_hour = 0;  // when the stubborn caches have forgotten it as well
  double others_highest = 0;
  double others_lowest = 1;
};
leaving leave(fleet_options options);

// Nothing happens; or a crash at the beginning.
struct spread {
  double highest = 0;
  double lowest = 1;
  std::size_t publications = 0;
};
spread rest(fleet_options options, seconds time, bool has_crash);

// One gateway's CPU is all used at the mean number of clients. Of this one, as parts of the mean,
// in the second half of six hours.
spread weak_machine(fleet_options options);

}  // namespace presenter::tests
