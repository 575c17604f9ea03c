// Publishes by PowerDNS's HTTP API: the fleet is one LUA record that answers each query with one
// address, by the weights. See: README.md, powerdns.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/life_token.hpp"
#include "base/net/https_client.hpp"
#include "gateway/balance/dns_publisher.hpp"
#include "gateway/balance/powerdns/api_messages.hpp"

namespace presenter::gateway {

struct powerdns_settings {
  net::http_url url;                 // the API is at /api/v1 behind it; without a query
  std::string server = "localhost";  // as PowerDNS names itself; fit for a URL
  std::string zone;                  // "example"
  std::string record;                // "chat.example": for check
  // A secret file, read for each request: a new key is in force at once.
  std::filesystem::path api_key_file;
  std::filesystem::path ca_file;              // whose certificates are trusted; empty: the system's
  std::chrono::milliseconds timeout{10'000};  // of one request; a call makes three at most
};

// It keeps nothing between calls: each publish looks first at what is there. So a gateway that was
// elected again does not take for true what it published the time before, and what somebody has
// edited by hand is put right with the next change.
class powerdns_publisher final : public dns_publisher {
 public:
  powerdns_publisher(boost::asio::io_context& control, powerdns_settings settings);

  void publish(const dns_state& desired, handler done) override;
  void check(handler done) override;
  std::string_view name() const noexcept override { return "powerdns"; }

 private:
  using reply_handler = std::function<void(const net::http_reply&)>;

  // Takes the name if it is in the zone, else the call fails.
  bool take_name(std::string_view record_name);
  void look_at_name(std::function<void(const powerdns::named_sets&)> then);
  void make_so(std::chrono::seconds ttl, const powerdns::address_weights& wanted,
               const powerdns::named_sets& found);
  void on_settings(const net::http_reply& reply);
  void on_metadata(const net::http_reply& reply);
  void check_name();

  // `path` is behind the server's; `then` comes for a reply of status 2xx only.
  void ask(std::string_view method, const std::string& path, std::string body, reply_handler then);
  void fail_by_status(const net::http_reply& reply);

  // Each ends the call.
  void finish(publish_result result);
  void fail(publish_errc error, const std::string& text);
  void fail_later(publish_errc error, std::string text);

  std::string located(const std::string& text) const;
  std::string zone_path() const;

  boost::asio::io_context& control_;
  const powerdns_settings settings_;
  const std::optional<std::string> zone_;  // absolute; nothing: no zone can have this name
  net::https_client client_;
  // Of the call under way.
  handler done_;
  std::string name_;  // absolute
  life_token life_;
};

}  // namespace presenter::gateway
