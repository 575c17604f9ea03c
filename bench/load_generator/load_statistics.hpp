// What the threads have seen: counts, which each keeps to itself until the end, and what others
// look at meanwhile. That stands in memory which the processes of a run share.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "bench/load_generator/delivery_checker.hpp"
#include "bench/load_generator/latency_histogram.hpp"

namespace presenter::bench {

using count_by_text = std::map<std::string, std::uint64_t, std::less<>>;

// Confined to: one thread, until merged.
struct load_statistics {
  delivery_counts messages;
  std::uint64_t delivered_by_history = 0;  // of messages.delivered: fetched after a gap
  std::uint64_t history_overlaps = 0;      // came live as well as by history, as it may
  std::uint64_t history_gaps = 0;          // the server's history no longer held them
  std::uint64_t skipped = 0;               // due while the client was not online
  std::uint64_t overdue = 0;               // due, and never sent because the far side was too slow
  std::uint64_t bytes_sent = 0;            // of messages
  std::uint64_t clients_served = 0;        // answered by a backend at least once
  std::uint64_t reconnects = 0;
  std::uint64_t left = 0;  // went by themselves, to come again

  count_by_text lost_by_server;        // messages.lost_with_server, by who had acknowledged them
  count_by_text disconnects;           // established clients, by reason
  count_by_text failures;              // attempts that came to nothing, by reason
  count_by_text exceptions;            // TApplicationException and refusals, by text
  count_by_text streams_per_server;    // where the clients are at the end
  count_by_text streams_first_server;  // where each was first
  count_by_text moves;                 // "c1 > c2", by clients

  load_statistics& operator+=(const load_statistics&);
};

// Whole, from one process to another.
nlohmann::json to_json(const load_statistics&);
load_statistics statistics_of(const nlohmann::json&);

template <class Histogram>
struct load_times {
  Histogram latency;      // due to there: chat: partner, live only; echo: there and back
  Histogram connect;      // TCP
  Histogram handshake;    // TLS
  Histogram first_reply;  // from TLS to the answer of the first packet
  Histogram back;         // from the loss of a served client to when it is served again
  Histogram lag;          // how late the generator's own timers were

  template <class Other>
  void merge(const load_times<Other>& other) {
    latency.merge(other.latency);
    connect.merge(other.connect);
    handshake.merge(other.handshake);
    first_reply.merge(other.first_reply);
    back.merge(other.back);
    lag.merge(other.lag);
  }
};

// Written by one worker, read by the main thread.
struct live_counters {
  std::atomic<std::uint64_t> sent = 0;
  std::atomic<std::uint64_t> delivered = 0;
  std::atomic<std::uint64_t> disconnects = 0;
  std::atomic<std::uint64_t> served = 0;  // clients that were ever answered
  std::atomic<std::int64_t> online = 0;   // clients that are now
  std::atomic<std::int64_t> cpu_ns = 0;   // of the thread
  load_times<shared_histogram> times;
};

// A counter of this thread's that others only read.
template <class Integer>
void bump(std::atomic<Integer>& counter, Integer by = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace presenter::bench
