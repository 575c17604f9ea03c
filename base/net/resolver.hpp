// Addresses of names, for everybody who connects: names are looked up side by side, each with a
// limit of its own, and the last good addresses of a name stay in use while its look-up fails,
// hangs or is under way. Nothing waits for a look-up when the process ends.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/net/dns_channel.hpp"
#include "base/net/errc.hpp"

namespace presenter::net {

struct resolver_options {
  // A look-up that takes longer has failed. A second name server is asked after one second.
  std::chrono::milliseconds limit{5'000};
  // How long an asker waits for newer addresses when the last good ones are known.
  std::chrono::milliseconds patience{250};
  // How long the addresses of one family wait for the other's (RFC 8305 §3): servers that drop
  // questions for IPv6 are common.
  std::chrono::milliseconds other_family{50};
  std::string servers;  // "address:port,…" in place of those of /etc/resolv.conf
};

struct resolved_name {
  addresses all;                     // IPv6 first; empty: none is known
  boost::system::error_code failed;  // with addresses: they are the last good ones, and this is why
};

// Life: destroyed before the io_context, and not by a handler; handlers that have not been called
//   yet are not called any more.
// Confined to: the executor's one thread.
// Bounds: lookups_max under way, the others wait for their turn and their limit runs meanwhile;
//   the addresses of names_max names are kept; the one that was asked for longest ago is
//   forgotten first.
// See: RFC 8305 §3; gateway/DECISIONS.md.
class resolver {
 public:
  using handler = std::function<void(const resolved_name&)>;

  // Two sockets each. More would overrun a name server at a start with a thousand backends, and be
  // lost.
  static constexpr std::size_t lookups_max = 64;
  // More than a shard map has servers.
  static constexpr std::size_t names_max = 16'384;

  // `count` is told of every look-up that has ended.
  explicit resolver(boost::asio::any_io_executor executor, resolver_options options = {},
                    std::function<void(lookup_result)> count = {});
  ~resolver();
  resolver(const resolver&) = delete;
  resolver& operator=(const resolver&) = delete;

  // `done` is called once, on the executor and not inside this call, within the limit. A literal
  // address is its own answer.
  void resolve(const std::string& name, handler done);

 private:
  struct look_up;
  struct known_name;

  known_name& entry(const std::string& name);
  void forget_one();
  void wait_patience(known_name& of);
  void begin(known_name& of);
  void ask_queued();
  void ask(const std::shared_ptr<look_up>& look, address_family family);
  void on_answer(look_up& look, address_family family, boost::system::error_code failed,
                 addresses found);
  void finish(known_name& of);
  void answer_waiting(known_name& of, boost::system::error_code failed);

  const boost::asio::any_io_executor executor_;
  const resolver_options options_;
  const std::function<void(lookup_result)> count_;
  std::unordered_map<std::string, known_name> names_;
  std::deque<std::weak_ptr<look_up>> queue_;
  std::size_t under_way_ = 0;
  std::shared_ptr<const char> life_ = std::make_shared<const char>();
};

}  // namespace presenter::net
