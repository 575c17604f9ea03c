// The streams of one link: their state, and the two queues they stand in (a turn to send, credit to
// give back). Pure bookkeeping; mux_core decides. See: protocol/README.md §5.
#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/slab.hpp"
#include "protocol/mux/credit_window.hpp"
#include "protocol/mux/stream_handler.hpp"

namespace presenter::protocol {

// One direction of a stream. `finished` and `reset` are terminal; finished may still become reset.
enum class direction_state : std::uint8_t { open, finished, reset };

// How far a stream is on its way to another backend, as its gateway and its backend see it.
enum class handoff_state : std::uint8_t {
  none,
  asked,   // Handoff has been sent, or received
  giving,  // a piece of the unread bytes has gone the other way: nothing but such pieces follows
};

namespace intrusive = boost::intrusive;
using list_hook = intrusive::list_member_hook<intrusive::link_mode<intrusive::auto_unlink>>;

struct mux_stream_state {
  mux_stream_state(stream_id stream_, stream_handler* handler_, std::int64_t send_bytes,
                   std::int64_t receive_bytes)
      : stream(stream_), handler(handler_), send(send_bytes), receive(receive_bytes) {}

  bool is_over() const { return local != direction_state::open && remote != direction_state::open; }
  // Ended abruptly by either side. Frames that were sent before the peer knew, or that its own
  // Reset overtook, are still coming: they are ignored.
  bool is_reset() const {
    return local == direction_state::reset || remote == direction_state::reset;
  }
  bool can_send() const {
    return local == direction_state::open && remote != direction_state::reset && !is_silent &&
           !awaits_checkpoint;
  }

  stream_id stream;
  stream_handler* handler;  // nullptr once released
  send_window send;
  receive_window receive;
  // Payload of the client that went to the backend, and that came from it, over all streams of the
  // client: modulo 2^32, so that an idle client costs nothing. README §4.12.
  std::uint32_t sent = 0;
  std::uint32_t received = 0;
  direction_state local = direction_state::open;   // what we have sent
  direction_state remote = direction_state::open;  // what the peer has sent
  bool is_accepted = false;
  bool was_told_end = false;      // the handler has had its last call
  bool wants_turn = false;        // wait_writable was called and on_writable has not come yet
  bool wants_checkpoint = false;  // the same of wait_checkpoint
  handoff_state handoff = handoff_state::none;
  bool is_silent = false;          // sends no Data and no Finish any more: it is handed over
  bool awaits_checkpoint = false;  // backend: opened as `continued`, and that is the next frame
  bool is_deposit_exact = false;   // gateway: no byte went either way since the newest deposit
  list_hook turn_hook;
  list_hook credit_hook;
};

// An idle client keeps one for hours.
static_assert(sizeof(mux_stream_state) <= 88);

using turn_queue = intrusive::list<
    mux_stream_state,
    intrusive::member_hook<mux_stream_state, list_hook, &mux_stream_state::turn_hook>,
    intrusive::constant_time_size<false>>;
using credit_queue = intrusive::list<
    mux_stream_state,
    intrusive::member_hook<mux_stream_state, list_hook, &mux_stream_state::credit_hook>,
    intrusive::constant_time_size<false>>;

// Life: owned by mux_core. A stream's address does not change while it is in the table.
class stream_table {
 public:
  stream_table() = default;
  ~stream_table();
  stream_table(const stream_table&) = delete;
  stream_table& operator=(const stream_table&) = delete;

  mux_stream_state* find(stream_id stream);
  const mux_stream_state* find(stream_id stream) const;
  mux_stream_state& insert(stream_id stream, stream_handler* handler, std::int64_t send_bytes,
                           std::int64_t receive_bytes);
  // Leaves both queues as well.
  void erase(stream_id stream);

  // A side's last frame of the stream: `terminal` is finished or reset.
  void end_local(mux_stream_state& state, direction_state terminal);
  void end_remote(mux_stream_state& state, direction_state terminal);

  std::size_t size() const { return streams_.size(); }
  // Without those that are over and only wait for their user to let go: the peer does not know of
  // these any more.
  std::size_t open_count() const { return streams_.size() - over_; }

  void accept(mux_stream_state& state);
  // Those not accepted: all of them, and without those that are over.
  std::size_t unaccepted() const { return unaccepted_; }
  std::size_t opening_count() const { return unaccepted_ - unaccepted_over_; }

  // What all of them keep, and what each costs at least.
  std::size_t memory_bytes() const {
    return memory_.bytes() + streams_.bucket_count() * entry_bytes;
  }
  static constexpr std::size_t stream_bytes() { return sizeof(mux_stream_state) + entry_bytes; }

  // Of so many at the most. For loops whose body may change the table: look each one up again.
  std::vector<stream_id> ids(std::size_t most = std::numeric_limits<std::size_t>::max()) const;

 private:
  void end(mux_stream_state& state, direction_state& direction, direction_state terminal);

  // Of the table below: the entry and a byte of its hash.
  static constexpr std::size_t entry_bytes = sizeof(std::int64_t) + sizeof(void*) + 1;

  slab<mux_stream_state> memory_;
  boost::unordered_flat_map<std::int64_t, mux_stream_state*> streams_;
  std::size_t over_ = 0;
  std::size_t unaccepted_ = 0;
  std::size_t unaccepted_over_ = 0;
};

}  // namespace presenter::protocol
