// One conversation with each side, frame by frame, that touches every frame type: for tests that
// cut it, or act in the middle of it.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "tests/support/mux_end.hpp"

namespace presenter::testing {

inline std::vector<std::vector<std::byte>> conversation_with_backend() {
  using protocol::link_role;
  using protocol::reset_reason;
  return {frame_script().hello(link_role::gateway).bytes(),
          frame_script().open(1, "a").bytes(),
          frame_script().data(1, "hello", true).bytes(),
          frame_script().open(2, "b").bytes(),
          frame_script().data(2, "world").bytes(),
          frame_script().filler(1, 300).bytes(),
          frame_script().open(3, "c").bytes(),
          frame_script().ping(7).bytes(),
          frame_script().finish(1).bytes(),
          frame_script().reset(2, reset_reason::client_gone).bytes(),
          frame_script().filler(2, 200).bytes(),
          frame_script().credit(3, 300).bytes(),
          frame_script().link_credit(5'000).bytes(),
          frame_script().data(3, "").bytes(),
          frame_script().go_away(3).bytes(),
          frame_script().finish(3).bytes()};
}

inline std::vector<std::vector<std::byte>> conversation_with_gateway() {
  using protocol::link_role;
  using protocol::refuse_reason;
  using protocol::reset_reason;
  return {frame_script().hello(link_role::backend).bytes(),
          frame_script().accept(1).bytes(),
          frame_script().data(1, "hello", true).bytes(),
          frame_script().refuse(2, refuse_reason::busy).bytes(),
          frame_script().accept(3).bytes(),
          frame_script().filler(1, 300).bytes(),
          frame_script().ping(7).bytes(),
          frame_script().credit(3, 300).bytes(),
          frame_script().finish(1).bytes(),
          frame_script().reset(3, reset_reason::moved).bytes(),
          frame_script().filler(3, 200).bytes(),
          frame_script().link_credit(5'000).bytes(),
          frame_script().data(4, "too early").bytes(),
          frame_script().go_away(4).bytes(),
          frame_script().accept(5).bytes(),
          frame_script().finish(5).bytes()};
}

inline const std::vector<std::vector<std::byte>>& conversation_with(protocol::link_role role) {
  static const std::vector<std::vector<std::byte>> backend = conversation_with_backend();
  static const std::vector<std::vector<std::byte>> gateway = conversation_with_gateway();
  return role == protocol::link_role::gateway ? gateway : backend;
}

// The gateway opens five streams when ready, the backend accepts what comes; both send a little.
inline void answer_events(mux_end& end, std::string_view event) {
  if (event == "ready peer") {
    for (int i = 0; i < 5 && end.core.can_open(); ++i)
      end.send(end.open().id.value, "mine");
  } else if (event.starts_with("open ")) {
    end.core.wait_writable(end.core.highest_opened());
  } else if (event.ends_with(" writable")) {
    end.send(std::stoll(std::string(event)), "reply");
  }
}

inline std::unique_ptr<mux_end> talking_end(protocol::link_role role) {
  auto end = std::make_unique<mux_end>(mux_options_for(role));
  end->during = [raw = end.get()](std::string_view event) { answer_events(*raw, event); };
  return end;
}

inline constexpr protocol::link_role both_roles[] = {protocol::link_role::gateway,
                                                     protocol::link_role::backend};

}  // namespace presenter::testing
