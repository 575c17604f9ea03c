// Records of clients for the log: which clients get them, how many a second, and what they hold.
// Never a key, a ticket or a byte of what a client sent. See: deploy/monitoring.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/log_pace.hpp"
#include "gateway/client/short_time.hpp"
#include "gateway/config/config.hpp"
#include "gateway/operate/counter.hpp"
#include "gateway/operate/log.hpp"
#include "protocol/wire/mux_frame.hpp"

namespace presenter::gateway {

struct client_record {
  std::string tag = {};
  std::string address = {};
  std::uint16_t port = 0;
  std::string backend = {};    // empty: none
  std::uint64_t key_hash = 0;  // on the ring; 0: no key is known
  short_time handshake = {};
  short_time opening = {};
  double seconds = 0;       // since accept
  double idle_seconds = 0;  // since the last byte
  std::uint32_t bytes_to_backend = 0;
  std::uint32_t bytes_to_client = 0;
  protocol::tls_facts tls = {};  // empty: not known
};

void append_fields(std::vector<log_field>& fields, const client_record& facts);

// Life: the worker's. Confined to: the worker's thread.
class client_records {
 public:
  // The settings may change between two calls.
  client_records(const log_config& settings, counter& held_back)
      : settings_(settings), held_back_(held_back) {}

  // Always the same for one client, whose number says nothing else about it.
  bool wants(std::uint64_t number) const {
    constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;
    return settings_.clients > 0 &&
           static_cast<double>((number * golden) >> 11U) < settings_.clients * 0x1p53;
  }

  // `fill` adds the fields, if the record is written.
  template <class Fill>
  void write(std::string_view what, Fill fill) {
    if (!is_logged(log_level::info)) return;
    if (per_second_ != settings_.clients_per_second) {
      per_second_ = settings_.clients_per_second;
      pace_ = log_pace(static_cast<std::uint64_t>(per_second_), std::chrono::seconds(1));
    }
    const auto unsaid = pace_.admit(std::chrono::steady_clock::now());
    if (!unsaid) return held_back_.add();
    std::vector<log_field> fields;
    fill(fields);
    if (*unsaid != 0) fields.push_back(log_field::bare("held_back", std::to_string(*unsaid)));
    write_record(what, fields);
  }

 private:
  const log_config& settings_;
  std::int64_t per_second_ = 0;  // that pace_ has
  log_pace pace_;
  counter& held_back_;
};

}  // namespace presenter::gateway
