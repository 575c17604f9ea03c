// Which ClientHellos with early data this gateway has taken lately, so that it takes none twice:
// whoever recorded one can send it again, to any worker. Other gateways have not seen it: see
// gateway/tls/tickets/README.md, Early data.
//
// OpenSSL lets early data pass only while the age that the client states for its ticket fits to
// within some seconds (RFC 8446 §8.3), so a ClientHello has to be remembered for so long and no
// longer. Two generations of fixed size: one is filled, the other is what was filled before it.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace presenter::gateway {

enum class early_data_verdict : std::uint8_t {
  fresh,
  replayed,
  // It cannot be told from a replay: no room, the clock was set back, or the ticket is older than
  // this process, which does not know what the one before it took.
  unrecorded,
};

// What a register knows, for that of the process that takes this one's place.
struct early_data_state {
  std::chrono::sys_seconds started;
  std::chrono::sys_seconds newest;
  std::chrono::sys_seconds filling_since;
  std::string filling;  // marks, one behind the other
  std::string before;
};

// Life: shared by all workers of a process. Confined to: any thread. A mutex, and only in
// handshakes that carry early data: every worker has to know what the others took.
// Bounds: 2 × 16 bytes × slots, taken at once; when a generation is three quarters full no more is
// taken until the next one begins. See: RFC 8446 §8.2.
class early_data_register {
 public:
  using time = std::chrono::sys_seconds;
  using clock = std::function<time()>;  // of the wall, which is what a ticket's age is told by

  // OpenSSL: the stated age is at most 1 s more and 9 s less than the ticket's, in whole seconds.
  static constexpr std::chrono::seconds window{12};
  // 98,304 ClientHellos in 12 s: more than eight thousand a second. 4 MiB in all.
  static constexpr std::size_t slots_default = 131'072;

  // From the ClientHello's random, which the client's proof that it owns the ticket (the binder)
  // covers: who replays it cannot change it.
  static constexpr std::size_t mark_bytes = 16;

  static time now();

  // `slots`: a power of two.
  explicit early_data_register(std::size_t slots = slots_default, clock clock = &now);

  // Goes on with what another one knew. Marks that find no place are as if the ticket were older
  // than the register: throws nothing, takes no replay.
  void adopt(const early_data_state& state);
  early_data_state state();

  // `issued`: when the ticket was. Fresh once for each mark, for as long as the window is.
  early_data_verdict take(std::span<const std::uint8_t, mark_bytes> mark, time issued);

 private:
  struct slot {
    std::uint64_t high = 0;
    std::uint64_t low = 0;  // 0: free
    bool operator==(const slot&) const = default;
  };
  struct generation {
    std::vector<slot> slots;
    std::size_t used = 0;
  };

  void advance(time now);
  std::size_t place_of(const slot& wanted) const;
  bool has(const generation& in, const slot& wanted) const;
  static bool add(generation& to, const slot& taken, std::size_t first);
  bool fill(generation& to, std::string_view marks) const;

  const clock clock_;
  time started_;
  const std::uint64_t seed_;  // so that nobody can choose where marks fall

  std::mutex mutex_;
  // Guarded by mutex_.
  time newest_;
  time filling_since_;
  generation filling_;
  generation before_;
};

}  // namespace presenter::gateway
