#include "shard_router/zk_servers.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <string_view>
#include <utility>

#include "base/net/errc.hpp"

namespace presenter::shard_router {
namespace {

// For the other names, once one has an address.
constexpr std::chrono::milliseconds patience{500};

void count(shard_counters& counters, net::lookup_result result) {
  switch (result) {
    case net::lookup_result::found:
      ++counters.lookups_found;
      break;
    case net::lookup_result::failed:
      ++counters.lookups_failed;
      break;
    case net::lookup_result::timed_out:
      ++counters.lookups_timed_out;
      break;
  }
}

}  // namespace

struct zk_servers::look_up_of_all {
  look_up_of_all(const boost::asio::any_io_executor& executor, std::size_t servers)
      : answers(servers, {{}, net::errc::lookup_under_way}), missing(servers), rest(executor) {}

  std::function<void(const found_servers&)> done;
  std::vector<net::resolved_name> answers;  // in the order of the servers
  std::size_t missing;
  bool is_some_found = false;
  boost::asio::steady_timer rest;
};

zk_servers::zk_servers(const boost::asio::any_io_executor& executor, const std::string& servers,
                       shard_counters& counters)
    : executor_(executor),
      names_(executor, {}, [&counters](net::lookup_result result) { count(counters, result); }) {
  std::string_view rest = servers;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    // parse_zk_address has looked at them.
    if (auto parsed = parse_host_port(rest.substr(0, comma))) {
      has_names_ = has_names_ || host_kind_of(parsed->host) == host_kind::name;
      servers_.push_back(std::move(*parsed));
    }
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
}

void zk_servers::look_up(std::function<void(const found_servers&)> done) {
  current_ = std::make_shared<look_up_of_all>(executor_, servers_.size());
  current_->done = std::move(done);
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    names_.resolve(servers_[i].host,
                   [this, i, weak = std::weak_ptr(current_)](const net::resolved_name& name) {
                     if (const auto look = weak.lock()) on_answer(*look, i, name);
                   });
  }
}

void zk_servers::on_answer(look_up_of_all& look, std::size_t which,
                           const net::resolved_name& name) {
  look.answers[which] = name;
  if (--look.missing == 0) return finish();
  if (name.all.empty() || std::exchange(look.is_some_found, true)) return;
  look.rest.expires_after(patience);
  look.rest.async_wait([this, weak = std::weak_ptr(current_)](boost::system::error_code cancelled) {
    if (!cancelled && !weak.expired()) finish();
  });
}

void zk_servers::finish() {
  const auto look = std::exchange(current_, nullptr);
  found_servers found;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const net::resolved_name& name = look->answers[i];
    for (const auto& address : name.all)
      found.addresses.push_back(address.to_string() + ":" + std::to_string(servers_[i].port));
    if (!name.all.empty()) continue;
    if (!found.mistakes.empty()) found.mistakes += ", ";
    found.mistakes += servers_[i].host + ": " + name.failed.message();
  }
  std::ranges::sort(found.addresses);
  // Not std::ranges::unique: clang 14 cannot read what gcc's library makes of it.
  const auto repeated = std::unique(found.addresses.begin(), found.addresses.end());
  found.addresses.erase(repeated, found.addresses.end());
  look->done(found);
}

std::string list_of(const std::vector<std::string>& servers) {
  std::string list;
  for (const std::string& each : servers)
    list += (list.empty() ? "" : ",") + each;
  return list;
}

}  // namespace presenter::shard_router
