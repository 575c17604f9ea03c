#include "gateway/balance/route53/record_set.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <cmath>
#include <new>
#include <optional>
#include <set>

namespace presenter::gateway::route53 {
namespace {

constexpr double even_share = 127;

// Nothing: one of them is no address.
std::optional<std::set<boost::asio::ip::address>> addresses_of(const record_set& of) {
  std::set<boost::asio::ip::address> all;
  for (const std::string& each : of.values) {
    boost::system::error_code failed;
    all.insert(boost::asio::ip::make_address(each, failed));
    if (failed) return std::nullopt;
  }
  return all;
}

// Enough of a digest that names of one fleet do not meet.
std::string short_digest(std::string_view text) {
  std::array<unsigned char, 32> digest;
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc();
  return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + 8, ""));
}

}  // namespace

bool is_one_set(const record_set& left, const record_set& right) noexcept {
  return left.type == right.type && left.set_identifier == right.set_identifier;
}

bool is_equivalent(const record_set& left, const record_set& right) {
  if (!is_one_set(left, right) || left.weight != right.weight || left.ttl != right.ttl ||
      left.health_check != right.health_check)
    return false;
  const auto addresses = addresses_of(left);
  return addresses && addresses == addresses_of(right);
}

std::vector<record_set> sets_of(const dns_state& state, std::string_view prefix) {
  std::vector<record_set> sets;
  for (const dns_record& each : state.records) {
    record_set wanted{.type = each.address.is_v4() ? record_type::a : record_type::aaaa,
                      .set_identifier = set_identifier_of(prefix, each.name_of_gateway),
                      .weight = quantized(each.weight),
                      .ttl = state.ttl};
    auto at = std::find_if(sets.begin(), sets.end(),
                           [&](const record_set& known) { return is_one_set(known, wanted); });
    if (at == sets.end()) at = sets.insert(at, std::move(wanted));
    at->values.push_back(each.address.to_string());
  }
  return sets;
}

int quantized(double weight) noexcept {
  return static_cast<int>(std::lround(std::clamp(weight * even_share, 1.0, 255.0)));
}

std::string set_identifier_of(std::string_view prefix, std::string_view name_of_gateway) {
  std::string whole = std::string(prefix) + std::string(name_of_gateway);
  if (whole.size() <= set_identifier_bytes_max) return whole;
  const std::string digest = '-' + short_digest(whole);
  return whole.substr(0, set_identifier_bytes_max - digest.size()) + digest;
}

std::string escaped_name(std::string_view name) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
  std::string made;
  for (const char each : name) {
    const char lower = each >= 'A' && each <= 'Z' ? static_cast<char>(each - 'A' + 'a') : each;
    if (plain.find(lower) != std::string_view::npos) {
      made += lower;
    } else {
      made += fmt::format("\\{:03o}", static_cast<unsigned char>(lower));
    }
  }
  if (!made.ends_with('.')) made += '.';
  return made;
}

bool is_in_zone(std::string_view record, std::string_view zone) {
  return record == zone || (record.size() > zone.size() && record.ends_with(zone) &&
                            record[record.size() - zone.size() - 1] == '.');
}

}  // namespace presenter::gateway::route53
