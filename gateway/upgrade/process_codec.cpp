#include "gateway/upgrade/process_codec.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include "gateway/upgrade/upgrade_codec.hpp"
#include "shard_router/shard_map_codec.hpp"

namespace presenter::gateway {
namespace {

void wipe_secrets(upgrade_idl::Process& made) {
  for (std::string* secret :
       {&made.zookeeper_password, &made.own_ticket_keys, &made.fleet_ticket_keys})
    OPENSSL_cleanse(secret->data(), secret->size());
}

// A copy of the secrets, wiped at the end of the scope.
struct wiped_process : upgrade_idl::Process {
  ~wiped_process() override { wipe_secrets(*this); }
};

upgrade_idl::EarlyData idl_of(const early_data_state& state) {
  upgrade_idl::EarlyData made;
  made.started = state.started.time_since_epoch().count();
  made.newest = state.newest.time_since_epoch().count();
  made.filling_since = state.filling_since.time_since_epoch().count();
  made.filling = state.filling;
  made.before = state.before;
  return made;
}

early_data_state early_data_of(const upgrade_idl::EarlyData& read) {
  const auto time_of = [](std::int64_t seconds) {
    return early_data_register::time(std::chrono::seconds(seconds));
  };
  return {.started = time_of(read.started),
          .newest = time_of(read.newest),
          .filling_since = time_of(read.filling_since),
          .filling = read.filling,
          .before = read.before};
}

void fill(const process_state& state, upgrade_idl::Process& made) {
  made.version = state.version;
  made.name = state.name;
  made.workers = static_cast<std::int32_t>(state.workers);
  made.admin_listener = state.admin_listener;
  made.admin_address = state.admin_address;
  made.admin_socket = state.admin_socket;
  made.admin_socket_path = state.admin_socket_path;
  made.metrics_listener = state.metrics_listener;
  made.metrics_address = state.metrics_address;
  made.parent_channel = state.parent_channel;
  made.counters = idl_counters(state.counters);
  made.zookeeper_session = state.zookeeper_session;
  made.zookeeper_password.assign(state.zookeeper_password.begin(), state.zookeeper_password.end());
  if (state.map != nullptr) made.shard_map = shard_router::encode_map(*state.map);
  made.own_ticket_keys = state.own_ticket_keys;
  made.fleet_ticket_keys = state.fleet_ticket_keys;
  if (state.early_data) made.__set_early_data(idl_of(*state.early_data));
  made.started_at = state.started_at.count();
  made.has_been_ready = state.has_been_ready;
  made.candidate = state.candidate;
  made.cpu = state.cpu;
  made.upgrade = static_cast<std::int64_t>(state.upgrade);
  made.begun_at = count_of(state.begun_at);
  made.frozen_at = count_of(state.frozen_at);
  made.clients = static_cast<std::int64_t>(state.clients);
  made.left_behind = static_cast<std::int64_t>(state.left_behind);
}

double share_of(double read) {
  if (!(read >= 0 && read <= 1)) throw std::runtime_error("the average of the CPU is none");
  return read;
}

process_state state_of(const upgrade_idl::Process& read) {
  process_state state;
  state.version = read.version;
  state.name = read.name;
  state.workers = amount_of(read.workers);
  state.admin_listener = read.admin_listener;
  state.admin_address = read.admin_address;
  state.admin_socket = read.admin_socket;
  state.admin_socket_path = read.admin_socket_path;
  state.metrics_listener = read.metrics_listener;
  state.metrics_address = read.metrics_address;
  state.parent_channel = read.parent_channel;
  state.counters = counters_of(read.counters);
  state.zookeeper_session = read.zookeeper_session;
  if (read.zookeeper_session != 0) {
    if (read.zookeeper_password.size() != state.zookeeper_password.size())
      throw std::runtime_error("the session's password has another length");
    std::ranges::copy(read.zookeeper_password, state.zookeeper_password.begin());
  }
  if (!read.shard_map.empty()) {
    auto map = shard_router::decode_map(read.shard_map);
    if (!map) throw std::runtime_error("the shard map cannot be read");
    state.map = std::move(map->map);
  }
  state.own_ticket_keys = read.own_ticket_keys;
  state.fleet_ticket_keys = read.fleet_ticket_keys;
  if (read.__isset.early_data) state.early_data = early_data_of(read.early_data);
  state.started_at = std::chrono::milliseconds(read.started_at);
  state.has_been_ready = read.has_been_ready;
  state.candidate = read.candidate;
  state.cpu = share_of(read.cpu);
  state.upgrade = amount_of(read.upgrade);
  state.begun_at = steady_of(read.begun_at);
  state.frozen_at = steady_of(read.frozen_at);
  state.clients = amount_of(read.clients);
  state.left_behind = amount_of(read.left_behind);
  return state;
}

}  // namespace

std::string encode_process(const process_state& state) {
  wiped_process made;
  fill(state, made);
  return encode_struct(made);
}

decoded_process decode_process(std::string_view bytes) {
  decoded_process decoded;
  try {
    wiped_process read;
    decode_struct(bytes, read);
    decoded.state = state_of(read);
  } catch (const std::exception& error) {
    decoded.mistake = error.what();
  }
  return decoded;
}

}  // namespace presenter::gateway
