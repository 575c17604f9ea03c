#include "gateway/balance/route53/service_failure.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/error.hpp>
#include <ctime>
#include <iomanip>
#include <locale>
#include <sstream>
#include <string>
#include <utility>

#include "base/net/errc.hpp"
#include "base/parse_number.hpp"
#include "gateway/balance/route53/messages.hpp"

namespace presenter::gateway::route53 {
namespace {

// AWS takes signatures that are at most this old or early.
constexpr std::chrono::seconds skew_max = std::chrono::minutes(5);
// A service's text is other people's: no line of a log becomes longer by it.
constexpr std::size_t message_bytes_max = 500;

// Common Errors of the API reference, and those of ChangeResourceRecordSets.
constexpr std::array<std::pair<std::string_view, publish_errc>, 27> codes{{
    {"Throttling", publish_errc::throttled},
    {"ThrottlingException", publish_errc::throttled},
    {"RequestLimitExceeded", publish_errc::throttled},
    {"TooManyRequestsException", publish_errc::throttled},
    {"SlowDown", publish_errc::throttled},
    {"PriorRequestNotComplete", publish_errc::busy},
    {"AccessDenied", publish_errc::denied},
    {"AccessDeniedException", publish_errc::denied},
    {"ExpiredToken", publish_errc::denied},
    {"ExpiredTokenException", publish_errc::denied},
    {"IncompleteSignature", publish_errc::denied},
    {"InvalidAccessKeyId", publish_errc::denied},
    {"InvalidClientTokenId", publish_errc::denied},
    {"InvalidSignatureException", publish_errc::denied},
    {"MissingAuthenticationToken", publish_errc::denied},
    {"NotAuthorized", publish_errc::denied},
    {"OptInRequired", publish_errc::denied},
    {"RequestExpired", publish_errc::denied},
    {"SignatureDoesNotMatch", publish_errc::denied},
    {"UnrecognizedClientException", publish_errc::denied},
    {"NoSuchHostedZone", publish_errc::unknown_zone},
    {"HostedZoneNotFound", publish_errc::unknown_zone},
    {"InvalidInput", publish_errc::unknown_zone},  // of ours only the zone's id can be invalid
    {"InvalidDomainName", publish_errc::not_in_zone},
    {"InvalidChangeBatch", publish_errc::conflicting_record},
    {"NoSuchHealthCheck", publish_errc::conflicting_record},
    {"LimitsExceeded", publish_errc::too_many_records},
}};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// What is wrong with a batch stands in its text only.
publish_errc kind_of_batch(std::string_view message) {
  if (contains(message, "is not permitted in zone")) return publish_errc::not_in_zone;
  if (contains(message, "limit")) return publish_errc::too_many_records;
  return publish_errc::conflicting_record;
}

publish_errc kind_of(unsigned status, const refusal& said) {
  if (said.code == "InvalidChangeBatch") return kind_of_batch(said.message);
  for (const auto& [code, kind] : codes) {
    if (said.code == code) return kind;
  }
  if (status == 429) return publish_errc::throttled;
  if (status == 401 || status == 403) return publish_errc::denied;
  if (status >= 500) return publish_errc::unreachable;
  return publish_errc::invalid_reply;
}

std::optional<std::chrono::milliseconds> retry_after_of(const net::http_reply& reply) {
  const auto header = reply.header("Retry-After");
  if (!header) return std::nullopt;
  // A day at the most; who is asked to wait longer looks again after a day.
  const auto seconds = parse_number<int>(*header);
  if (!seconds || *seconds < 0 || *seconds > 86'400) return std::nullopt;
  return std::chrono::seconds(*seconds);
}

// Without bytes that would be more than text in a log.
std::string for_log(std::string_view text) {
  std::string made(text.substr(0, message_bytes_max));
  for (char& each : made) {
    if (static_cast<unsigned char>(each) < ' ' || each == '\x7f') each = ' ';
  }
  return made;
}

// Empty: the clocks agree, or the reply does not say.
std::string clock_remark(const net::http_reply& reply, sys_seconds now) {
  const auto header = reply.header("Date");
  const auto theirs = header ? parse_http_date(*header) : std::nullopt;
  if (!theirs) return {};
  const auto ahead = now - *theirs;
  if (std::chrono::abs(ahead) <= skew_max) return {};
  return fmt::format(
      "this machine's clock is {} s {} that of the service, which takes {} s at most; set the "
      "clock: ",
      std::chrono::abs(ahead).count(), ahead.count() > 0 ? "ahead of" : "behind", skew_max.count());
}

}  // namespace

publish_result failure_of(const net::http_reply& reply, sys_seconds now) {
  const refusal said = read_refusal(reply.body);
  publish_result result;
  result.error = kind_of(reply.status, said);
  result.retry_after = retry_after_of(reply);
  if (result.error == publish_errc::denied) result.text = clock_remark(reply, now);
  result.text += fmt::format("HTTP {}", reply.status);
  if (!said.code.empty()) result.text += ' ' + for_log(said.code);
  if (!said.message.empty()) result.text += ": " + for_log(said.message);
  return result;
}

publish_result failure_of(const net::http_outcome& outcome) {
  publish_errc error = publish_errc::unreachable;
  if (outcome.error == boost::asio::error::timed_out) error = publish_errc::timed_out;
  if (outcome.error == net::errc::reply_invalid || outcome.error == net::errc::reply_too_large)
    error = publish_errc::invalid_reply;
  return {.error = error, .text = outcome.text, .retry_after = {}, .changed = 0};
}

bool is_unchanged_after(publish_errc error) noexcept {
  return error == publish_errc::ok || error == publish_errc::throttled ||
         error == publish_errc::busy || error == publish_errc::denied ||
         error == publish_errc::unknown_zone;
}

std::optional<sys_seconds> parse_http_date(std::string_view text) {
  std::istringstream in{std::string(text)};
  in.imbue(std::locale::classic());
  std::tm parts{};
  in >> std::get_time(&parts, "%a, %d %b %Y %H:%M:%S GMT");
  if (in.fail()) return std::nullopt;
  return std::chrono::time_point_cast<std::chrono::seconds>(
      std::chrono::system_clock::from_time_t(timegm(&parts)));
}

}  // namespace presenter::gateway::route53
