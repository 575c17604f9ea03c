#include "gateway/balance/route53/credentials.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <iterator>
#include <utility>

#include "base/paced_log.hpp"
#include "base/whole_file.hpp"
#include "gateway/balance/route53/sigv4.hpp"

namespace presenter::gateway::route53 {
namespace {

using net::http_outcome;
using net::http_url;

constexpr std::string_view container_host = "http://169.254.170.2";
constexpr std::string_view instance_endpoint = "http://169.254.169.254";
constexpr std::string_view instance_keys_target = "/latest/meta-data/iam/security-credentials/";
// Ours are asked for one after the other, so that the token's life is of no account.
constexpr std::string_view instance_token_seconds = "300";
constexpr std::size_t file_bytes_max = 1'024 * 1'024;
constexpr std::size_t reply_bytes_max = 64 * 1'024;

constexpr std::array<std::string_view, 5> source_names{"automatic", "the environment",
                                                       "the shared file", "the container endpoint",
                                                       "the instance's metadata"};

found_keys failed(std::string mistake) {
  return {.keys = {}, .expires = {}, .mistake = std::move(mistake)};
}

net::http_limits limits() {
  return {.timeout = credentials::step_timeout, .reply_bytes_max = reply_bytes_max};
}

std::string failure_text(const http_outcome& outcome) {
  return outcome.error ? outcome.text : fmt::format("HTTP {}", outcome.reply.status);
}

bool is_good(const http_outcome& outcome) {
  return !outcome.error && outcome.reply.status == 200;
}

// Keys travel unencrypted only to where no network is between: this machine, and the two hosts that
// ECS and EKS have for it.
bool may_be_plain(const std::string& host) {
  if (host == "169.254.170.2" || host == "169.254.170.23" || host == "fd00:ec2::23") return true;
  boost::system::error_code no_address;
  const auto address = boost::asio::ip::make_address(host, no_address);
  return no_address ? host == "localhost" : address.is_loopback();
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find_first_of("\r\n"));
}

}  // namespace

credentials::credentials(boost::asio::io_context& control, credentials_options options,
                         environment variables)
    : control_(control),
      options_(std::move(options)),
      variables_(std::move(variables)),
      https_(control) {}

void credentials::get(handler done) {
  done_ = std::move(done);
  mistakes_.clear();
  left_ = sources();
  try_next();
}

bool credentials::is_fresh() const {
  if (!kept_ || is_refused_) return false;
  return !kept_->expires || *kept_->expires - sys_clock::now() > refresh_ahead;
}

// The next one last.
std::vector<credentials_source> credentials::sources() const {
  if (options_.source != credentials_source::automatic) return {options_.source};
  return {credentials_source::instance, credentials_source::container, credentials_source::file,
          credentials_source::environment};
}

void credentials::try_next() {
  if (left_.empty()) return finish();
  ask_source(left_.back());
}

void credentials::ask_source(credentials_source source) {
  switch (source) {
    case credentials_source::environment:
      return ask_environment();
    case credentials_source::file:
      return ask_file();
    case credentials_source::container:
      return is_fresh() ? on_source(*kept_) : ask_container();
    case credentials_source::instance:
      return is_fresh() ? on_source(*kept_) : ask_instance();
    case credentials_source::automatic:
      return;  // is none
  }
}

void credentials::ask_environment() {
  if (variable("AWS_ACCESS_KEY_ID").empty() || variable("AWS_SECRET_ACCESS_KEY").empty())
    return on_source(failed("AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set"));
  on_source({.keys = aws_keys{.id = variable("AWS_ACCESS_KEY_ID"),
                              .secret = variable("AWS_SECRET_ACCESS_KEY"),
                              .token = variable("AWS_SESSION_TOKEN")},
             .expires = {},
             .mistake = {}});
}

// Read each time, so that keys that were exchanged in it are in force.
void credentials::ask_file() {
  std::string path = variable("AWS_SHARED_CREDENTIALS_FILE");
  if (path.empty()) {
    if (variable("HOME").empty())
      return on_source(failed("neither AWS_SHARED_CREDENTIALS_FILE nor HOME is set"));
    path = variable("HOME") + "/.aws/credentials";
  }
  const auto text = read_whole_file(path, file_bytes_max);
  if (!text) return on_source(failed(path + " cannot be read: " + text.error().message()));
  std::string profile = options_.profile;
  if (profile.empty()) profile = variable("AWS_PROFILE");
  if (profile.empty()) profile = "default";
  found_keys found = read_shared_file(*text, profile);
  if (!found.keys) found.mistake = path + ": " + found.mistake;
  on_source(std::move(found));
}

void credentials::ask_container() {
  std::string url = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (const std::string relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
      !relative.empty())
    url = std::string(container_host) + relative;
  if (url.empty())
    return on_source(failed("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and …_FULL_URI are not set"));
  const auto at = net::parse_http_url(url);
  if (!at) return on_source(failed(url + ": " + at.error().message()));
  if (!at->is_tls && !may_be_plain(at->host))
    return on_source(failed(url + ": keys are fetched from this machine, or by https:"));
  net::http_request request{.method = "GET", .target = at->target, .headers = {}, .body = {}};
  std::string token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string path = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !path.empty()) {
    const auto text = read_whole_file(path, file_bytes_max);
    if (!text) return on_source(failed(path + " cannot be read: " + text.error().message()));
    token = first_line(*text);
  }
  if (!token.empty()) request.headers.push_back({"Authorization", token});
  https_.ask(*at, std::move(request), limits(),
             [this](const http_outcome& outcome) { on_keys_reply(outcome); });
}

void credentials::ask_instance() {
  if (variable("AWS_EC2_METADATA_DISABLED") == "true")
    return on_source(failed("AWS_EC2_METADATA_DISABLED is set"));
  std::string url = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (url.empty()) url = instance_endpoint;
  const auto at = net::parse_http_url(url);
  if (!at) return on_source(failed(url + ": " + at.error().message()));
  net::http_request request{
      .method = "PUT",
      .target = "/latest/api/token",
      .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", std::string(instance_token_seconds)}},
      .body = {}};
  https_.ask(*at, std::move(request), limits(), [this, at = *at](const http_outcome& outcome) {
    if (is_good(outcome)) return ask_role(at, first_line(outcome.reply.body));
    // The reply to the PUT has a TTL of as many hops: in a container it is lost, and all looks as
    // if there were no metadata.
    on_source(failed("no IMDSv2 token: " + failure_text(outcome) +
                     "; on EC2: are the instance's metadata enabled, and in a container, is their "
                     "hop limit at least 2 (http-put-response-hop-limit)?"));
  });
}

void credentials::ask_role(const http_url& at, const std::string& token) {
  net::http_request request{.method = "GET",
                            .target = std::string(instance_keys_target),
                            .headers = {{"X-aws-ec2-metadata-token", token}},
                            .body = {}};
  https_.ask(at, std::move(request), limits(), [this, at, token](const http_outcome& outcome) {
    const std::string role = is_good(outcome) ? first_line(outcome.reply.body) : std::string();
    if (!role.empty()) return ask_role_keys(at, token, role);
    on_source(failed("the instance has no role: " + failure_text(outcome)));
  });
}

void credentials::ask_role_keys(const http_url& at, const std::string& token,
                                const std::string& role) {
  net::http_request request{.method = "GET",
                            .target = std::string(instance_keys_target) + uri_encoded(role),
                            .headers = {{"X-aws-ec2-metadata-token", token}},
                            .body = {}};
  https_.ask(at, std::move(request), limits(),
             [this](const http_outcome& outcome) { on_keys_reply(outcome); });
}

void credentials::on_keys_reply(const http_outcome& outcome) {
  if (!is_good(outcome)) return on_source(failed("no keys: " + failure_text(outcome)));
  found_keys found = read_endpoint_reply(outcome.reply.body);
  if (found.keys) {
    kept_ = found;
    is_refused_ = false;
  }
  on_source(std::move(found));
}

void credentials::on_source(found_keys found) {
  if (found.keys) return answer_later(std::move(found));
  const auto name = source_names[static_cast<std::size_t>(left_.back())];
  mistakes_ += fmt::format("{}{}: {}", mistakes_.empty() ? "" : "; ", name, found.mistake);
  left_.pop_back();
  try_next();
}

void credentials::finish() {
  if (!kept_) return answer_later(failed("no credentials: " + mistakes_));
  log_paced(failures_said_, spdlog::level::warn,
            "route53: credentials cannot be fetched anew, the old ones stay in use: {}", mistakes_);
  answer_later(*kept_);
}

void credentials::answer_later(found_keys found) {
  boost::asio::post(control_, life_.bind([done = std::exchange(done_, nullptr),
                                          found = std::move(found)] { done(found); }));
}

std::string credentials::variable(const char* name) const {
  const char* const value = variables_(name);
  return value == nullptr ? std::string() : value;
}

}  // namespace presenter::gateway::route53
