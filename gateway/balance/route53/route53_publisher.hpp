// Publishes to AWS Route 53: a weighted record set for each gateway and family of addresses. It
// looks at the zone once, and then sends what differs from what it knows to be there; it looks
// again only after a failure that leaves open what the service has done. See: README.md.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/net/https_client.hpp"
#include "gateway/balance/dns_publisher.hpp"
#include "gateway/balance/route53/change_batch.hpp"
#include "gateway/balance/route53/credentials.hpp"
#include "gateway/balance/route53/messages.hpp"
#include "gateway/balance/route53/sigv4.hpp"

namespace presenter::gateway::route53 {

struct route53_options {
  std::string zone_id;
  std::string record_name;  // for check(); publish() has it in the state
  // What our SetIdentifiers begin with: 1 … set_prefix_bytes_max characters. No other fleet may
  // have a prefix that begins with it, or is the beginning of it, under the same name.
  std::string set_prefix = "presenter-";
  net::http_url endpoint{.host = "route53.amazonaws.com"};
  std::filesystem::path ca_file;  // empty: the system's
  credentials_options keys;
  // What is to be published, for check(): whether a record stands in the way depends on it.
  std::vector<record_type> types{record_type::a, record_type::aaaa};
  std::chrono::milliseconds request_timeout{10'000};
  // Of a publish or check as a whole: credentials, pages of the list, batches.
  std::chrono::milliseconds call_timeout{30'000};
};

// Whoever publishes while others do as well, after an election for instance, makes a new one: what
// this one knows of the zone is true only as long as nobody else of the fleet publishes.
// Bounds: one request at a time; list_pages_max pages, replies of reply_bytes_max.
class route53_publisher final : public dns_publisher {
 public:
  // One name can have some 15 types with 100 sets each, and a page has 300.
  static constexpr std::size_t list_pages_max = 10;
  static constexpr std::size_t reply_bytes_max = 4 * 1'024 * 1'024;

  route53_publisher(boost::asio::io_context& control, route53_options options,
                    credentials::environment variables);

  void publish(const dns_state& desired, handler done) override;
  void check(handler done) override;
  std::string_view name() const noexcept override { return "route53"; }

 private:
  using reply_handler = std::function<void(const net::http_reply&)>;

  void begin(std::string_view record_name, handler done);
  void get_keys(std::function<void()> next);
  // `next` gets a reply of status 200; everything else ends the call.
  void ask(net::http_request request, reply_handler next);
  void on_outcome(const net::http_outcome& outcome, const reply_handler& next);
  void check_zone();
  void list(const list_cursor& from, std::function<void()> next);
  void on_page(const net::http_reply& reply, std::function<void()> next);
  void start_sending();
  void send_next();
  void on_sent(std::span<const change> batch);
  void fail(publish_errc error, std::string text);
  void finish(publish_result result);

  const route53_options options_;
  const signing_scope scope_;
  credentials credentials_;
  net::https_client https_;

  // What we know of the zone; nothing: it has to be listed.
  std::optional<zone_view> zone_;
  std::string record_name_;  // of zone_, as of escaped_name

  // The call that is under way.
  handler done_;
  std::chrono::steady_clock::time_point deadline_;
  aws_keys keys_;
  std::vector<listed_set> listed_;
  std::size_t pages_ = 0;
  std::vector<record_set> desired_;
  std::vector<change> changes_;
  std::vector<std::span<const change>> batches_;  // of changes_, the next one last
  std::size_t changed_ = 0;
};

}  // namespace presenter::gateway::route53
