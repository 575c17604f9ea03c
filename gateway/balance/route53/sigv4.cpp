#include "gateway/balance/route53/sigv4.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <map>
#include <new>
#include <utility>

namespace presenter::gateway::route53 {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view unreserved =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

using digest = std::array<unsigned char, 32>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string_view text_of(const digest& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string hex(const digest& bytes) {
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

// OpenSSL fails here only without memory.
digest sha256(std::string_view text) {
  digest made;
  if (EVP_Digest(text.data(), text.size(), made.data(), nullptr, EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc();
  return made;
}

digest hmac(std::string_view key, std::string_view text) {
  digest made;
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(),
           made.data(), &size) == nullptr)
    throw std::bad_alloc();
  return made;
}

std::string encoded(std::string_view text, std::string_view also_plain) {
  std::string made;
  for (const char each : text) {
    const bool is_plain = unreserved.find(each) != std::string_view::npos ||
                          also_plain.find(each) != std::string_view::npos;
    if (is_plain) {
      made += each;
    } else {
      made += fmt::format("%{:02X}", static_cast<unsigned char>(each));
    }
  }
  return made;
}

int hex_digit(char each) {
  constexpr std::string_view digits = "0123456789abcdef";
  const char lower = each >= 'A' && each <= 'F' ? static_cast<char>(each - 'A' + 'a') : each;
  const auto at = digits.find(lower);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// What is no %XX stays as it is.
std::string decoded(std::string_view text) {
  std::string made;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool is_long_enough = text[at] == '%' && at + 2 < text.size();
    const int high = is_long_enough ? hex_digit(text[at + 1]) : -1;
    const int low = is_long_enough ? hex_digit(text[at + 2]) : -1;
    if (high < 0 || low < 0) {
      made += text[at];
      continue;
    }
    made += static_cast<char>(high * 16 + low);
    at += 2;
  }
  return made;
}

// Calls `take` with each part, also with empty ones.
template <class Take>
void split(std::string_view text, char separator, Take take) {
  while (true) {
    const auto end = text.find(separator);
    take(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

// RFC 3986 §5.2.4, and no empty segments.
std::string normalized(std::string_view path) {
  std::vector<std::string_view> kept;
  bool is_folder = false;
  split(path, '/', [&](std::string_view segment) {
    is_folder = segment.empty() || segment == "." || segment == "..";
    if (segment == ".." && !kept.empty()) kept.pop_back();
    if (!is_folder) kept.push_back(segment);
  });
  std::string made;
  for (const auto segment : kept) {
    made += '/';
    made += segment;
  }
  return is_folder || made.empty() ? made + '/' : made;
}

// Sorted by what is signed, as the names and values will be compared encoded.
std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parts;
  split(query, '&', [&](std::string_view part) {
    if (part.empty()) return;
    const auto equals = std::min(part.find('='), part.size());
    const auto value = equals < part.size() ? part.substr(equals + 1) : std::string_view();
    parts.emplace_back(uri_encoded(decoded(part.substr(0, equals))), uri_encoded(decoded(value)));
  });
  std::sort(parts.begin(), parts.end());
  std::string made;
  for (const auto& [name, value] : parts)
    made += (made.empty() ? "" : "&") + name + '=' + value;
  return made;
}

bool is_space(char each) {
  return each == ' ' || each == '\t' || each == '\r' || each == '\n';
}

// Without spaces at its ends, and with one in place of several.
std::string canonical_value(std::string_view value) {
  std::string made;
  for (const char each : value) {
    if (!is_space(each)) {
      made += each;
    } else if (!made.empty() && made.back() != ' ') {
      made += ' ';
    }
  }
  if (!made.empty() && made.back() == ' ') made.pop_back();
  return made;
}

std::string lower_case(std::string text) {
  for (char& each : text) {
    if (each >= 'A' && each <= 'Z') each = static_cast<char>(each - 'A' + 'a');
  }
  return text;
}

// Of one name all values, in their order.
std::map<std::string, std::string> canonical_headers(const net::http_request& request) {
  std::map<std::string, std::string> made;
  for (const auto& [name, value] : request.headers) {
    const auto [at, is_new] = made.try_emplace(lower_case(name));
    if (!is_new) at->second += ',';
    at->second += canonical_value(value);
  }
  return made;
}

std::string signed_headers(const std::map<std::string, std::string>& headers) {
  std::string made;
  for (const auto& each : headers)
    made += (made.empty() ? "" : ";") + each.first;
  return made;
}

std::string day_of(sys_seconds time) {
  return amz_date(time).substr(0, 8);
}

std::string credential_scope(const signing_scope& scope, sys_seconds now) {
  return fmt::format("{}/{}/{}/aws4_request", day_of(now), scope.region, scope.service);
}

}  // namespace

std::string canonical_request(const net::http_request& request, path_form form) {
  const std::string_view target = request.target;
  const auto query_at = std::min(target.find('?'), target.size());
  const auto query = query_at < target.size() ? target.substr(query_at + 1) : std::string_view();
  const std::string path(target.substr(0, query_at));
  const auto headers = canonical_headers(request);
  std::string lines;
  for (const auto& [name, value] : headers)
    lines += name + ':' + value + '\n';
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method,
                     encoded(form == path_form::normalized ? normalized(path) : path, "/"),
                     canonical_query(query), lines, signed_headers(headers),
                     hex(sha256(request.body)));
}

std::string string_to_sign(std::string_view canonical, const signing_scope& scope,
                           sys_seconds now) {
  return fmt::format("{}\n{}\n{}\n{}", algorithm, amz_date(now), credential_scope(scope, now),
                     hex(sha256(canonical)));
}

std::string signature_of(std::string_view to_sign, const aws_keys& keys, const signing_scope& scope,
                         sys_seconds now) {
  const digest day = hmac("AWS4" + keys.secret, day_of(now));
  const digest region = hmac(text_of(day), scope.region);
  const digest service = hmac(text_of(region), scope.service);
  const digest key = hmac(text_of(service), "aws4_request");
  return hex(hmac(text_of(key), to_sign));
}

void sign(net::http_request& request, const aws_keys& keys, const signing_scope& scope,
          sys_seconds now, path_form form) {
  request.headers.push_back({"X-Amz-Date", amz_date(now)});
  if (!keys.token.empty()) request.headers.push_back({"X-Amz-Security-Token", keys.token});
  const std::string to_sign = string_to_sign(canonical_request(request, form), scope, now);
  request.headers.push_back(
      {"Authorization",
       fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", algorithm, keys.id,
                   credential_scope(scope, now), signed_headers(canonical_headers(request)),
                   signature_of(to_sign, keys, scope, now))});
}

std::string amz_date(sys_seconds time) {
  return fmt::format("{:%Y%m%dT%H%M%SZ}", time);
}

std::string uri_encoded(std::string_view text) {
  return encoded(text, "");
}

}  // namespace presenter::gateway::route53
