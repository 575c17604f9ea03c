// Where the fleet's records go: one small interface, an implementation for each DNS service. The
// elected gateway computes which records there should be, and a publisher makes it so. A publisher
// knows nothing of load, elections or pace.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/vocabulary/publish_errc.hpp"

namespace presenter::gateway {

// One address of one gateway. A gateway with several addresses has a record for each, all of its
// own weight.
struct dns_record {
  std::string name_of_gateway;
  boost::asio::ip::address address;
  // Above 0, at most 2; 1 is an even share. A publisher rounds it to what its service takes, and
  // never to 0: who is in the list gets clients.
  double weight = 1;

  bool operator==(const dns_record&) const = default;
};

// By gateway, then by address: the order of dns_state.
inline bool is_before(const dns_record& left, const dns_record& right) {
  if (left.name_of_gateway != right.name_of_gateway)
    return left.name_of_gateway < right.name_of_gateway;
  return left.address < right.address;
}

// The whole desired state of our records under one name: what of ours is not in it is to be
// removed. What others have under that name is never touched.
struct dns_state {
  std::string record_name;  // "chat.example", with or without the dot at its end
  std::chrono::seconds ttl{60};
  std::vector<dns_record> records;  // sorted by is_before, none twice

  bool operator==(const dns_state&) const = default;
};

struct publish_result {
  publish_errc error = publish_errc::ok;
  std::string text;  // for the log: what failed and what would be right; no secrets; empty: ok
  // When the service itself said how long to wait.
  std::optional<std::chrono::milliseconds> retry_after;
  std::size_t changed = 0;  // records added, removed or given another weight; 0: it was so already

  bool is_ok() const noexcept { return error == publish_errc::ok; }
};

// Life: the balancer's. Destroyed while a call is under way, it ends that call and calls `done` no
//   more; what the service has taken by then stands.
// Confined to: the control thread; `done` is called there, once, and never inside the call.
// Bounds: one call at a time, publish or check; each call ends by itself within a time limit of the
//   publisher's own.
class dns_publisher {
 public:
  using handler = std::function<void(publish_result)>;

  virtual ~dns_publisher() = default;

  // From then on it changes nothing, in the call that is under way neither: whoever led until then
  // may have stood still, and another one publishes.
  void change_until(std::chrono::steady_clock::time_point limit) { change_until_ = limit; }

  // Makes the records as `desired` has them. It sends only what differs from what it published
  // last or found there; after a failure it does not trust what it believes to be there.
  virtual void publish(const dns_state& desired, handler done) = 0;

  // Whether publish could work, for a start and `--check`; changes nothing.
  virtual void check(handler done) = 0;

  // As `dns.publisher` has it: "file", "exec", …
  virtual std::string_view name() const noexcept = 0;

 protected:
  // To be asked right before each request that changes something.
  bool may_change() const { return std::chrono::steady_clock::now() < change_until_; }

  // What a call ends with that may not change anything any more.
  static constexpr std::string_view too_late =
      "what it reads first took so long that another gateway may publish by now";

 private:
  std::chrono::steady_clock::time_point change_until_ =
      std::chrono::steady_clock::time_point::max();
};

}  // namespace presenter::gateway
