// Every limit of the multiplexing protocol in one place, each with the reason for its number.
// protocol/README.md §7 holds the same table for readers of other languages.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace presenter::protocol::limits {

inline constexpr std::int32_t version = 1;

// Largest payload of one Data frame. One TLS record carries as much, and no stream holds the link
// for longer than 16 KiB at a time.
inline constexpr std::size_t data_bytes_max = 16'384;

// Largest frame after its length field: a full Data frame (§4.5: at most 19 bytes around it),
// rounded up.
inline constexpr std::size_t frame_bytes_max = data_bytes_max + 64;

// A peer may announce smaller frames than that, but an Open must fit.
inline constexpr std::size_t frame_bytes_min = 4'096 + 64;

// Largest Open, metadata included. Enough for a 1 KiB key and long names; small enough that a
// thousand opens a second stay under 4 MB/s.
inline constexpr std::size_t open_bytes_max = 4'096;

// Largest of every other control frame. Hello is the longest: a node name and ten numbers.
inline constexpr std::size_t control_bytes_max = 512;

// Largest state that an application gives up a stream with: one Checkpoint carries it. What a
// service needs beyond that is its own store's business.
inline constexpr std::size_t state_bytes_max = data_bytes_max;

// Largest deposit, in a gateway's Hello, that a gateway takes. Off unless the gateway says so: it
// keeps one for each client.
inline constexpr std::int32_t deposit_bytes_max_default = 0;

// Longest routing key and longest node name: names in ZooKeeper and user ids are far shorter.
inline constexpr std::size_t key_bytes_max = 1'024;
inline constexpr std::size_t node_bytes_max = 255;

// Longest subject of a client's certificate. A distinguished name of a person or a device has some
// hundred bytes; with the longest key, names and tag around it an Open still fits.
inline constexpr std::size_t client_subject_bytes_max = 1'024;

// Credit of a new stream, in payload bytes. A chat message fits many times; a stalled client pins
// at most this much at each end.
inline constexpr std::int32_t stream_window_bytes_default = 65'536;
inline constexpr std::int32_t stream_window_bytes_min = 1'024;
inline constexpr std::int32_t stream_window_bytes_max = 16 * 1'024 * 1'024;

// Credit of a whole link. 512 streams may stall completely before the others feel it, and
// `stall_timeout` ends them long before that.
inline constexpr std::int64_t link_window_bytes_default = 32 * 1'024 * 1'024;
inline constexpr std::int64_t link_window_bytes_min = 16'384;
inline constexpr std::int64_t link_window_bytes_max = 1'024 * 1'024 * 1'024;

// A link's window is at least this many times a stream's: one stalled stream never stops the rest.
inline constexpr std::int64_t link_windows_per_stream = 2;

// Smallest grant: a quarter of the smallest window, which is what the rule of §6 leads to. Smaller
// ones would make a sender cut its bytes into crumbs, a system call and a frame for each.
inline constexpr std::int64_t stream_credit_bytes_min = stream_window_bytes_min / 4;
inline constexpr std::int64_t link_credit_bytes_min = link_window_bytes_min / 4;

// Streams that may exist on one link at a time.
inline constexpr std::int32_t streams_open_max_default = 1'000'000;

// Streams on one link that the backend has neither accepted nor refused yet. A reconnect storm's
// worth for a backend that takes a second to look up each user.
inline constexpr std::int32_t streams_opening_max_default = 16'384;

// Opens that a backend takes on one link: some five times the TLS handshakes that a gateway's
// worker can do. What is beyond is refused as busy before the application sees it. The burst is
// what may have waited for the link to come up.
inline constexpr std::int32_t opens_per_second_default = 10'000;
inline constexpr std::int32_t opens_burst_seconds = 2;

// Stream errors that a peer may cause. A peer without faults causes none; one that goes on and on
// makes this side reset streams, which is work that no window bounds.
inline constexpr std::int32_t stream_errors_per_second = 100;
inline constexpr std::int32_t stream_errors_burst = 1'000;

// A stream on which bytes wait and nothing moves for this long is reset: a side that does not read
// holds a window's worth of memory, here and at the peer.
inline constexpr std::chrono::milliseconds stall_timeout_default{30'000};

// Bytes of control frames that may wait for the socket. At 8 to 20 bytes each this is some 10,000
// answers owed to a peer that does not read; more is an attack or a dead peer.
inline constexpr std::size_t control_queue_bytes_max = 256 * 1'024;

// Bytes of Data frames that may wait for the socket before senders are told to wait. Four turns of
// 64 KiB: enough to keep the socket busy, small enough that control frames are never far behind.
inline constexpr std::size_t data_queue_bytes_max = 256 * 1'024;

// How much one stream may place in the queue before the next waiting stream has its turn.
inline constexpr std::size_t stream_turn_bytes = data_bytes_max;

// Liveness. A ping goes out after `ping_interval` without a byte received; the link is suspect
// (no new streams) after one further interval, dead after `dead_after` in all.
inline constexpr std::chrono::milliseconds ping_interval_default{5'000};
inline constexpr std::chrono::milliseconds dead_after_default{20'000};

// From TCP connect to the peer's Hello.
inline constexpr std::chrono::milliseconds hello_timeout{5'000};

// From a GoAway that names an error to the close by its sender, which has nothing left to send.
inline constexpr std::chrono::milliseconds go_away_timeout{5'000};

}  // namespace presenter::protocol::limits
