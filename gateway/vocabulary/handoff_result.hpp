// What became of an attempt to go on with a stream at another backend, because its own was asked
// for it or has crashed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

// All but `done` end the client as a move without handoff does, unless it says otherwise.
enum class handoff_result : std::uint8_t {
  done,               // the new owner has accepted; the client has noticed nothing
  crash_done,         // the same, after a crash: from what the stream's backend had deposited
  crash_in_message,   // bytes went either way since the deposit: there is nothing to go on from
  crash_returned,     // the backend took links again: its application may be running still
  crash_unproven,     // nobody knew within moves.crash_wait whether the backend was gone
  no_feature,         // one of the two backends hands no streams over: nobody was asked
  declined,           // the old backend reset the stream instead, or ends itself
  reset,              // the old or the new backend reset the stream for another reason
  deadline,           // the old backend did not answer in moves.handoff_deadline
  state_too_large,    // it sent a deposit that was too large, before it had read the Handoff
  position_mismatch,  // what it says it has taken or sent is not what went through the link
  held_limit,         // it gave back more unread bytes than moves.held_bytes_max has room for
  link_lost,          // the old backend's link broke before it had answered, or the new one's
  refused,            // the new owner refused the stream for good
  no_owner,           // no backend owned the key until upstream.opening_timeout
  opening_timeout,    // the owner did not accept by then, or had no room or no link
  client_left,        // the client ended meanwhile, by itself or because it did not read
  shutting_down,      // the gateway ended meanwhile
};

inline constexpr std::array<std::string_view, 18> handoff_result_names{
    "done",           "crash_done",      "crash_in_message",  "crash_returned",
    "crash_unproven", "no_feature",      "declined",          "reset",
    "deadline",       "state_too_large", "position_mismatch", "held_limit",
    "link_lost",      "refused",         "no_owner",          "opening_timeout",
    "client_left",    "shutting_down"};

constexpr std::string_view name_of(handoff_result value) noexcept {
  return handoff_result_names[static_cast<std::size_t>(value)];
}

}  // namespace presenter::gateway
