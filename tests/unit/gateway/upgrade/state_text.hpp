// A worker's state as text, every field of it: what is frozen and what came back can be compared,
// and a difference be read. A field that is added does not compile until it stands here as well.
#pragma once

#include <concepts>
#include <optional>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gateway/worker/worker_state.hpp"

namespace presenter::testing {

class state_text {
 public:
  std::string take() { return out_.str(); }

  template <class... Fields>
  void put(const char* what, const Fields&... fields) {
    out_ << what << "{";
    (add(fields), ...);
    out_ << "}\n";
  }

  void add(const gateway::worker_state& state) {
    const auto& [listener, tag_stem, begun, tables, clients, upstream, counters, behind] = state;
    put("worker", listener, tag_stem, begun, tables.backends, tables.facts, clients, upstream,
        counters, behind);
  }

 private:
  template <class T>
  requires std::integral<T> || std::is_enum_v<T>
  void add(T value) { out_ << static_cast<long long>(value) << " "; }
  void add(const std::string& text) { out_ << "'" << text << "' "; }
  void add(const byte_buffer& bytes) {
    add(std::string(reinterpret_cast<const char*>(bytes.bytes().data()), bytes.size()));
  }
  void add(std::chrono::steady_clock::time_point at) { add(at.time_since_epoch().count()); }
  void add(const boost::asio::ip::tcp::endpoint& end) {
    add(end.address().to_string());
    add(end.port());
  }
  template <class T>
  void add(const std::optional<T>& value) {
    if (value) {
      add(*value);
    } else {
      out_ << "- ";
    }
  }
  template <class T>
  void add(const std::vector<T>& all) {
    for (const T& each : all)
      add(each);
    out_ << "; ";
  }
  template <class A, class B>
  void add(const std::pair<A, B>& two) {
    add(two.first);
    add(two.second);
  }
  template <class T>
  void add(const std::shared_ptr<T>& one) {
    add(*one);
  }

  void add(protocol::stream_id stream) { add(stream.value); }
  void add(const shard_router::backend_entry& backend) {
    const auto& [name, host, port, weight, state, instance] = backend;
    put("backend", name, host, port, weight, state, instance);
  }
  void add(const protocol::hello_frame& hello) {
    const auto& [version_min, version_max, role, node, epoch, frame, stream, link, open, ping,
                 features, opening, deposit] = hello;
    put("hello", version_min, version_max, role, node, epoch, frame, stream, link, open, ping,
        features, opening, deposit);
  }
  void add(const protocol::receive_window::parts& window) {
    const auto& [size, held, owed] = window;
    put("window", size, held, owed);
  }
  void add(const protocol::link_liveness::carried& carried) {
    const auto& [next, unanswered, failing] = carried;
    put("liveness", next, unanswered, failing);
  }
  void add(const protocol::mux_stream_values& stream) {
    const auto& [id, user, available, window, sent, received, local, remote, handoff, accepted,
                 told, turn, silent, exact] = stream;
    put("stream", id, user, available, window, sent, received, local, remote, handoff, accepted,
        told, turn, silent, exact);
  }
  void add(const protocol::mux_core_state& core) {
    const auto& [hello, peer, highest, streams, turns, due, available, window, control, data,
                 finishes, commands, at_take, pong, liveness, sent, received] = core;
    put("core", hello, peer, highest, streams, turns, due, available, window, control, data,
        finishes, commands, at_take, pong, liveness, sent, received);
  }
  void add(const gateway::upstream_link_state& state) {
    const auto& [backend, retired, up_since, link] = state;
    const auto& [descriptor, core, partial, control, data] = link;
    put("link", backend, retired, up_since, descriptor, core, partial, control, data);
  }

  void add(const protocol::tls_facts& facts) {
    const auto& [version, suite, name, alpn, resumed, subject] = facts;
    put("facts", version, suite, name, alpn, resumed, subject);
  }
  void add(const gateway::tls_record_state& records) {
    put("records",
        std::string(reinterpret_cast<const char*>(&records), sizeof(gateway::tls_record_state)));
  }
  void add(const gateway::tls_channel_state& tls) {
    const auto& [records, input, unsent, early, waiting, plaintext, forgiven, partial, failed] =
        tls;
    put("tls", records, input, unsent, early, waiting, plaintext, forgiven, partial, failed);
  }
  void add(const gateway::relay_state& relay) {
    const auto& [bytes, client, backend, told, at_client, at_backend, limit, end] = relay;
    put("relay", bytes, client, backend, told, at_client, at_backend, limit, end);
  }
  void add(const gateway::opened_state& opened) {
    const auto& [key, facts, deposited] = opened;
    put("opened", key, facts, deposited);
  }
  void add(const gateway::deposit_values& deposited) {
    const auto& [consumed, produced, state] = deposited;
    put("deposit", consumed, produced, state);
  }
  void add(const gateway::stream_place& place) {
    const auto& [link, stream] = place;
    put("place", link, stream);
  }
  void add(const gateway::client_state& client) {
    const auto& [descriptor, peer, number, accepted, idle, handshake, opening, phase, deadline,
                 expects, turn, has, reason, notify, fin, tls, packet, facts, hash, backend, opened,
                 stream, relay] = client;
    put("client", descriptor, peer, number, accepted, idle, handshake.value(), opening.value(),
        phase, deadline, expects, turn, has, reason, notify, fin, tls, packet, facts, hash, backend,
        opened, stream, relay);
  }

  std::ostringstream out_;
};

inline std::string text_of(const gateway::worker_state& state) {
  state_text text;
  text.add(state);
  return text.take();
}

}  // namespace presenter::testing
