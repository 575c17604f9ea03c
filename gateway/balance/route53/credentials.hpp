// Where the keys come from that requests to AWS are signed with: the environment, the shared file,
// the endpoint of a container, or the metadata of an EC2 instance (IMDSv2). The latter two hand out
// keys that expire, which are fetched anew ahead of that. See:
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/life_token.hpp"
#include "base/log_pace.hpp"
#include "base/net/https_client.hpp"
#include "gateway/balance/route53/credential_texts.hpp"

namespace presenter::gateway::route53 {

enum class credentials_source : std::uint8_t { automatic, environment, file, container, instance };

struct credentials_options {
  // automatic: the first that has any, in the order of the enum.
  credentials_source source = credentials_source::automatic;
  std::string profile;  // of the shared file; empty: AWS_PROFILE, or "default"
};

// Life: its owner's; destroyed, it calls nobody any more.
// Confined to: the control thread, where it also reads the shared file.
// Bounds: one get() at a time; three requests of step_timeout each.
class credentials {
 public:
  using sys_clock = std::chrono::system_clock;
  using handler = std::function<void(const found_keys&)>;
  // The value of a variable; nullptr: it is not set.
  using environment = std::function<const char*(const char* name)>;

  // The endpoints are on the machine itself: where they are at all, they answer in milliseconds.
  static constexpr std::chrono::milliseconds step_timeout{2'000};
  // Keys that are this near to their end are fetched anew. AWS has new ones five minutes before.
  static constexpr std::chrono::minutes refresh_ahead{10};

  credentials(boost::asio::io_context& control, credentials_options options, environment variables);

  // `done` is called later, with keys or a mistake. Keys that cannot be fetched anew stay in use,
  // also when they have expired: the endpoints are known to fail for a while, and AWS to take keys
  // for longer than it said.
  void get(handler done);

  // AWS has refused the keys that get() gave: the next ones are fetched, not kept ones.
  void mark_refused() { is_refused_ = true; }

 private:
  bool is_fresh() const;
  std::vector<credentials_source> sources() const;
  void try_next();
  void ask_source(credentials_source source);
  void ask_environment();
  void ask_file();
  void ask_container();
  void ask_instance();
  void ask_role(const net::http_url& at, const std::string& token);
  void ask_role_keys(const net::http_url& at, const std::string& token, const std::string& role);
  void on_keys_reply(const net::http_outcome& outcome);
  void on_source(found_keys found);
  void finish();
  void answer_later(found_keys found);
  std::string variable(const char* name) const;

  boost::asio::io_context& control_;
  const credentials_options options_;
  const environment variables_;
  net::https_client https_;
  handler done_;
  std::vector<credentials_source> left_;  // to be asked, the next one last
  std::string mistakes_;                  // of those that were asked
  std::optional<found_keys> kept_;        // of an endpoint
  bool is_refused_ = false;
  log_pace failures_said_{5, std::chrono::minutes(5)};
  life_token life_;
};

}  // namespace presenter::gateway::route53
