// What came of publishing the fleet's records to DNS: the kinds of failure, for counters, log lines
// and the pace of the next attempt.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

// Each enumerator says: cause · blame · what an operator does. Nothing here disconnects anybody,
// and every failure is tried again, later each time.
enum class publish_errc : std::uint8_t {
  ok,
  throttled,           // too many requests of this account or key · others as well · wait
  busy,                // an earlier change has not been carried out yet · the zone · wait
  denied,              // credentials are missing, wrong, expired or not allowed · configuration
  unknown_zone,        // there is no such zone · configuration
  not_in_zone,         // the record's name is outside the zone · configuration
  conflicting_record,  // a record of that name stands in the way · whoever made it: remove it
  too_many_records,    // more records than the DNS service takes under one name · the fleet's size
  not_enabled,         // it does not serve such records · its configuration
  invalid_reply,       // the answer is not what its protocol allows · the DNS service
  unreachable,         // no connection, its name unknown, TLS failed · the DNS service or network
  timed_out,           // no answer in time · the DNS service or network, or the program
  unwritable,          // the file cannot be replaced · configuration, or the disk
  program_failed,      // it cannot be run, or ended with another status than 0 · the program
};

inline constexpr std::array<std::string_view, 14> publish_errc_names{"ok",
                                                                     "throttled",
                                                                     "busy",
                                                                     "denied",
                                                                     "unknown_zone",
                                                                     "not_in_zone",
                                                                     "conflicting_record",
                                                                     "too_many_records",
                                                                     "not_enabled",
                                                                     "invalid_reply",
                                                                     "unreachable",
                                                                     "timed_out",
                                                                     "unwritable",
                                                                     "program_failed"};

constexpr std::string_view name_of(publish_errc value) noexcept {
  return publish_errc_names[static_cast<std::size_t>(value)];
}

}  // namespace presenter::gateway
