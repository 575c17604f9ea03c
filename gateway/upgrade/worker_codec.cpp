#include "gateway/upgrade/worker_codec.hpp"

#include <exception>
#include <memory>
#include <utility>

#include "gateway/upgrade/client_codec.hpp"
#include "gateway/upgrade/link_codec.hpp"
#include "gateway/upgrade/upgrade_codec.hpp"

namespace presenter::gateway {
namespace {

// A copy of the keys, wiped at the end of the scope.
struct wiped_worker : upgrade_idl::Worker {
  ~wiped_worker() override {
    for (upgrade_idl::Client& each : clients)
      wipe(each);
  }
};

template <class From, class To>
void fill_all(const From& from, std::vector<To>& made) {
  made.resize(from.size());
  for (std::size_t i = 0; i < from.size(); ++i)
    fill(from[i], made[i]);
}

void fill_worker(const worker_state& state, upgrade_idl::Worker& made) {
  made.listener = state.listener;
  made.tag_stem = state.tag_stem;
  made.sessions_begun = static_cast<std::int64_t>(state.sessions_begun);
  made.backends.resize(state.tables.backends.size());
  for (std::size_t i = 0; i < made.backends.size(); ++i)
    fill(*state.tables.backends[i], made.backends[i]);
  fill_all(state.tables.facts, made.facts);
  fill_all(state.upstream, made.links);
  fill_all(state.clients, made.clients);
  made.counters = idl_counters(state.counters);
  made.left_behind = static_cast<std::int64_t>(state.left_behind);
}

worker_state worker_of(const upgrade_idl::Worker& read) {
  worker_state state;
  state.listener = read.listener;
  state.tag_stem = read.tag_stem;
  state.sessions_begun = amount_of(read.sessions_begun);
  for (const upgrade_idl::Backend& each : read.backends)
    state.tables.backends.push_back(
        std::make_shared<const shard_router::backend_entry>(backend_of(each)));
  for (const upgrade_idl::Facts& each : read.facts)
    state.tables.facts.push_back(facts_of(each));
  state.upstream.reserve(read.links.size());
  for (const upgrade_idl::Link& each : read.links)
    state.upstream.push_back(link_of(each));
  state.clients.reserve(read.clients.size());
  for (const upgrade_idl::Client& each : read.clients)
    state.clients.push_back(client_of(each));
  state.counters = counters_of(read.counters);
  state.left_behind = amount_of(read.left_behind);
  return state;
}

}  // namespace

std::string encode_worker(const worker_state& state) {
  wiped_worker made;
  fill_worker(state, made);
  return encode_struct(made);
}

decoded_worker decode_worker(std::string_view bytes) {
  decoded_worker decoded;
  try {
    wiped_worker read;
    decode_struct(bytes, read);
    decoded.state = worker_of(read);
  } catch (const std::exception& error) {
    decoded.mistake = error.what();
  }
  return decoded;
}

}  // namespace presenter::gateway
