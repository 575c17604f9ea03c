#include "gateway/tls/tickets/early_data_register.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/random_seed.hpp"

namespace presenter::gateway {
namespace {

// Beyond so many neighbours a mark counts as without a place: marks come from clients, and no
// choice of theirs may cost more than this.
constexpr std::size_t probes_max = 64;

}  // namespace

early_data_register::time early_data_register::now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

early_data_register::early_data_register(std::size_t slots, clock clock)
    : clock_(std::move(clock)),
      started_(clock_()),
      seed_(random_seed()),
      newest_(started_),
      filling_since_(started_) {
  filling_.slots.resize(slots);
  before_.slots.resize(slots);
}

early_data_verdict early_data_register::take(std::span<const std::uint8_t, mark_bytes> mark,
                                             time issued) {
  slot wanted;
  std::memcpy(&wanted, mark.data(), mark.size());
  wanted.low |= 1;
  const std::lock_guard lock(mutex_);
  const time now = clock_();
  // What was forgotten at a later hour could be fresh again.
  if (now < newest_) return early_data_verdict::unrecorded;
  newest_ = now;
  if (issued <= started_ && now <= started_ + window) return early_data_verdict::unrecorded;
  advance(now);
  if (has(filling_, wanted) || has(before_, wanted)) return early_data_verdict::replayed;
  return add(filling_, wanted, place_of(wanted)) ? early_data_verdict::fresh
                                                 : early_data_verdict::unrecorded;
}

// A mark stays for a window at least, for two at most.
void early_data_register::advance(time now) {
  if (now - filling_since_ < window) return;
  if (now - filling_since_ >= 2 * window) std::ranges::fill(filling_.slots, slot{});
  std::swap(filling_, before_);
  std::ranges::fill(filling_.slots, slot{});
  filling_.used = 0;
  filling_since_ = now;
}

std::size_t early_data_register::place_of(const slot& wanted) const {
  return static_cast<std::size_t>(XXH3_64bits_withSeed(&wanted, sizeof wanted, seed_));
}

bool early_data_register::has(const generation& in, const slot& wanted) const {
  const std::size_t first = place_of(wanted);
  for (std::size_t i = 0; i != probes_max; ++i) {
    const slot& at = in.slots[(first + i) & (in.slots.size() - 1)];
    if (at == wanted) return true;
    if (at.low == 0) return false;
  }
  return false;
}

bool early_data_register::add(generation& to, const slot& taken, std::size_t first) {
  if (to.used >= to.slots.size() / 4 * 3) return false;
  for (std::size_t i = 0; i != probes_max; ++i) {
    slot& at = to.slots[(first + i) & (to.slots.size() - 1)];
    if (at.low != 0) continue;
    at = taken;
    ++to.used;
    return true;
  }
  return false;
}

// --- another process

early_data_state early_data_register::state() {
  const std::lock_guard lock(mutex_);
  early_data_state state{started_, newest_, filling_since_, {}, {}};
  const auto write = [](const generation& from, std::string& marks) {
    for (const slot& each : from.slots)
      if (each.low != 0) marks.append(reinterpret_cast<const char*>(&each), sizeof each);
  };
  write(filling_, state.filling);
  write(before_, state.before);
  return state;
}

void early_data_register::adopt(const early_data_state& state) {
  const std::lock_guard lock(mutex_);
  newest_ = std::max(newest_, state.newest);
  filling_since_ = state.filling_since;
  // With a mark lost, nothing may be taken that the other register could have seen.
  if (fill(filling_, state.filling) && fill(before_, state.before)) started_ = state.started;
}

bool early_data_register::fill(generation& to, std::string_view marks) const {
  for (; marks.size() >= sizeof(slot); marks.remove_prefix(sizeof(slot))) {
    slot taken;
    std::memcpy(&taken, marks.data(), sizeof taken);
    if (!add(to, taken, place_of(taken))) return false;
  }
  return marks.empty();
}

}  // namespace presenter::gateway
