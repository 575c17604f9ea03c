#include "gateway/balance/route53/credential_texts.hpp"

#include <algorithm>
#include <ctime>
#include <iomanip>
#include <locale>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

namespace presenter::gateway::route53 {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto begin = std::min(text.find_first_not_of(blanks), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

found_keys mistake(std::string text) {
  return {.keys = {}, .expires = {}, .mistake = std::move(text)};
}

// Keys go into header lines: whatever is no plain character would break them.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char each) { return each > ' ' && each < '\x7f'; });
}

found_keys checked(aws_keys keys, std::optional<sys_seconds> expires) {
  if (keys.id.empty() || keys.secret.empty())
    return mistake("the access key's id or its secret is missing");
  if (!is_plain(keys.id) || !is_plain(keys.secret) || !is_plain(keys.token))
    return mistake("the keys have characters that keys cannot have");
  return {.keys = std::move(keys), .expires = expires, .mistake = {}};
}

std::string member(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

found_keys read_shared_file(std::string_view text, std::string_view profile) {
  aws_keys keys;
  bool is_there = false;
  bool is_inside = false;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('[') && line.ends_with(']')) {
      is_inside = trimmed(line.substr(1, line.size() - 2)) == profile;
      is_there |= is_inside;
      continue;
    }
    const auto equals = line.find('=');
    if (!is_inside || line.starts_with('#') || line.starts_with(';') ||
        equals == std::string_view::npos)
      continue;
    const auto name = trimmed(line.substr(0, equals));
    const auto value = trimmed(line.substr(equals + 1));
    if (name == "aws_access_key_id") keys.id = value;
    if (name == "aws_secret_access_key") keys.secret = value;
    if (name == "aws_session_token") keys.token = value;
  }
  if (!is_there) return mistake("it has no section [" + std::string(profile) + ']');
  return checked(std::move(keys), std::nullopt);
}

found_keys read_endpoint_reply(std::string_view body) {
  const auto reply = nlohmann::json::parse(body, nullptr, false);
  if (!reply.is_object()) return mistake("its reply is no JSON object");
  if (const std::string code = member(reply, "Code"); !code.empty() && code != "Success")
    return mistake("it says " + code.substr(0, 100));
  std::optional<sys_seconds> expires;
  if (const std::string time = member(reply, "Expiration"); !time.empty()) {
    expires = parse_iso_time(time);
    if (!expires) return mistake("its Expiration is no time");
  }
  return checked({.id = member(reply, "AccessKeyId"),
                  .secret = member(reply, "SecretAccessKey"),
                  .token = member(reply, "Token")},
                 expires);
}

std::optional<sys_seconds> parse_iso_time(const std::string& text) {
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  std::tm parts{};
  in >> std::get_time(&parts, "%Y-%m-%dT%H:%M:%S");
  if (in.fail()) return std::nullopt;
  std::string rest;
  std::getline(in, rest);
  const bool is_fraction =
      rest.starts_with('.') && rest.find_first_not_of("0123456789", 1) == rest.size() - 1;
  if (!rest.ends_with('Z') || (rest.size() > 1 && !is_fraction)) return std::nullopt;
  return std::chrono::time_point_cast<std::chrono::seconds>(
      std::chrono::system_clock::from_time_t(timegm(&parts)));
}

}  // namespace presenter::gateway::route53
