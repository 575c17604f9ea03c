// What the control thread hands over to that of another process. See: README.md.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "gateway/operate/counter_values.hpp"
#include "gateway/tls/tickets/early_data_register.hpp"
#include "shard_router/shard_map.hpp"

namespace presenter::gateway {

using steady_point = std::chrono::steady_clock::time_point;

// Life: moved; wipes its secrets when it dies.
struct process_state {
  std::string version;  // of the program
  std::string name;     // of the gateway
  std::size_t workers = 0;

  int admin_listener = -1;    // descriptor; -1: there is no admin endpoint
  std::string admin_address;  // as it was configured, for it may be another one now
  int admin_socket = -1;      // descriptor of the unix socket; -1: there is none
  std::string admin_socket_path;
  int metrics_listener = -1;  // descriptor; -1: there is none for metrics alone
  std::string metrics_address;
  int parent_channel = -1;  // descriptor; -1: there is no empty parent

  counter_values counters;  // those of no worker

  // Of ZooKeeper's session; 0: there is none to go on with.
  std::int64_t zookeeper_session = 0;
  std::array<char, 16> zookeeper_password{};
  shard_router::shard_map_ptr map;  // nullptr: none

  // As ticket_keys encodes them; empty: none.
  std::string own_ticket_keys;
  std::string fleet_ticket_keys;
  std::optional<early_data_state> early_data;

  // Towards the fleet the gateway is as old as its first process.
  std::chrono::milliseconds started_at{};  // of the steady clock
  bool has_been_ready = false;
  std::string candidate;  // the beginning of its node in the election; empty: none
  double cpu = 0;         // its average, 0 … 1

  // This upgrade.
  std::uint64_t upgrade = 0;  // its number
  steady_point begun_at;
  steady_point frozen_at;
  std::size_t clients = 0;      // that go along
  std::size_t left_behind = 0;  // clients that do not

  process_state() = default;
  process_state(process_state&&) = default;
  process_state& operator=(process_state&&) = default;
  ~process_state();
};

}  // namespace presenter::gateway
