#include "tests/simulation/schedule_plan.hpp"

#include <algorithm>

#include "tests/support/mux_end.hpp"

namespace presenter::testing {
namespace {

namespace limits = protocol::limits;
using protocol::link_role;

flavour draw_flavour(dice& dice) {
  const std::size_t n = dice.below(32);
  if (n == 0) return flavour::wide;
  if (n <= 3) return flavour::narrow;
  return n <= 19 ? flavour::tiny : flavour::mixed;
}

struct window_range {
  std::size_t stream_least, stream_most, link_least, link_most;
};

window_range windows_of(flavour kind) {
  switch (kind) {
    case flavour::tiny:
      return {limits::stream_window_bytes_min, 1'100, limits::link_window_bytes_min, 16'500};
    case flavour::mixed:
      return {limits::stream_window_bytes_min, 9'000, limits::link_window_bytes_min, 50'000};
    case flavour::narrow:
      return {40'000, 80'000, 80'000, 130'000};
    case flavour::wide:
      break;
  }
  return {100'000, 300'000, 800'000, 1'600'000};
}

protocol::mux_options draw_options(dice& dice, flavour kind, link_role role) {
  protocol::mux_options options = mux_options_for(role);
  const window_range range = windows_of(kind);
  protocol::hello_frame& hello = options.hello;
  hello.stream_window_bytes =
      static_cast<std::int32_t>(dice.between(range.stream_least, range.stream_most));
  hello.link_window_bytes =
      std::max(limits::link_windows_per_stream * hello.stream_window_bytes,
               static_cast<std::int64_t>(dice.between(range.link_least, range.link_most)));
  hello.frame_bytes_max = static_cast<std::int32_t>(
      dice.one_in(2) ? limits::frame_bytes_min
                     : dice.between(limits::frame_bytes_min, limits::frame_bytes_max));
  hello.streams_open_max = static_cast<std::int32_t>(dice.between(1, 10));
  hello.streams_opening_max = static_cast<std::int32_t>(dice.between(1, 10));
  hello.ping_interval_ms = static_cast<std::int32_t>(dice.between(20, 200));
  options.dead_after = std::chrono::milliseconds(5'000);
  return options;
}

std::size_t piece_of(dice& dice) {
  constexpr std::size_t sizes[] = {1, 7, 40, 400, 4'000, 100'000};
  return sizes[dice.below(std::size(sizes))];
}

// Blocks of seeds: what a seed without handoffs draws stays what it was.
bool draw_handoffs(std::uint64_t seed) {
  return (seed >> 10) % 8 != 0;
}

}  // namespace

schedule_plan::schedule_plan(dice& dice, std::uint64_t seed_)
    : kind(draw_flavour(dice)),
      gateway(draw_options(dice, kind, link_role::gateway)),
      backend(draw_options(dice, kind, link_role::backend)),
      steps(static_cast<int>(dice.between(50, 500))),
      streams(static_cast<int>(dice.between(1, 14))),
      content_bytes_max(kind == flavour::wide     ? 400'000
                        : kind == flavour::narrow ? 200'000
                                                  : 6'000),
      socket_bytes(dice.one_in(3) ? 100'000 : dice.between(1, 3'000)),
      piece_bytes_max(piece_of(dice)),
      delay_ms_max(static_cast<std::int64_t>(dice.one_in(2) ? 0 : dice.below(80))),
      link_stalls(dice.one_in(3)),
      hands_over(draw_handoffs(seed_)),
      stays_in_process(seed_ % 4 == 0),
      seed(seed_) {
  if (kind == flavour::narrow || kind == flavour::wide) {
    socket_bytes = 100'000;
    piece_bytes_max = 100'000;
  }
  if (hands_over) {
    for (protocol::hello_frame* hello : {&gateway.hello, &backend.hello}) {
      hello->features = protocol::features::handoff;
      hello->frame_bytes_max = static_cast<std::int32_t>(limits::frame_bytes_max);
    }
    gateway.hello.deposit_bytes_max = 64;
  }
  // Three quarters of a link's window may be pinned before a grant for the rest cannot be due.
  const auto stalls_of = [](const protocol::hello_frame& hello) {
    return static_cast<int>(hello.link_window_bytes / 2 / hello.stream_window_bytes);
  };
  streams_stalled_max =
      std::min({stalls_of(gateway.hello), stalls_of(backend.hello),
                backend.hello.streams_open_max - 1, backend.hello.streams_opening_max - 1});
  if (dice.one_in(6)) {
    go_away_step = static_cast<int>(dice.below(static_cast<std::size_t>(steps)));
    go_away_by_gateway = dice.one_in(2);
  }
  if (dice.one_in(4)) {
    cut = static_cast<cut_kind>(dice.between(1, static_cast<std::size_t>(cut_kind::kinds_max) - 1));
    cut_step = static_cast<int>(dice.below(static_cast<std::size_t>(steps)));
  }
}

stream_script::stream_script(dice& dice, const schedule_plan& plan, link_role role, bool may_stall)
    : content_bytes(dice.one_in(5) ? 0 : dice.below(plan.content_bytes_max)),
      piece_bytes_max(dice.one_in(4) ? 20 : dice.between(100, 20'000)),
      reads(may_stall        ? reading::stalled
            : dice.one_in(2) ? reading::at_once
                             : reading::in_pieces),
      answers(answering::at_once),
      leaves(leaving::when_done),
      leave_after(dice.below(content_bytes + 1)),
      is_hasty(dice.one_in(4)) {
  if (content_bytes > 20'000) piece_bytes_max = 20'000;
  if (dice.one_in(4)) leaves = static_cast<leaving>(dice.between(1, 3));
  if (role == link_role::gateway) return;
  answers_only = dice.one_in(4);
  if (!dice.one_in(3)) return;
  answers = static_cast<answering>(dice.between(1, 3));
}

}  // namespace presenter::testing
