// Our records as Route 53 has them: one weighted record set for each gateway and family of
// addresses, told apart by its SetIdentifier. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/balance/dns_publisher.hpp"

namespace presenter::gateway::route53 {

enum class record_type : std::uint8_t { a, aaaa };
inline constexpr std::size_t record_type_count = 2;

constexpr std::string_view name_of(record_type type) noexcept {
  return type == record_type::a ? "A" : "AAAA";
}

// Of the SetIdentifier, by Route 53's API reference.
inline constexpr std::size_t set_identifier_bytes_max = 128;
// What is left of it for the gateway's name must tell names apart even when they are cut.
inline constexpr std::size_t set_prefix_bytes_max = 64;

struct record_set {
  record_type type = record_type::a;
  std::string set_identifier = {};
  int weight = 1;  // 1 … 255; 0 would take the gateway out
  std::chrono::seconds ttl{60};
  std::vector<std::string> values = {};  // addresses
  // That somebody has attached to it: it stays. Empty: none.
  std::string health_check = {};

  bool operator==(const record_set&) const = default;
};

// Whether they are one set: a set is known by type and SetIdentifier.
bool is_one_set(const record_set& left, const record_set& right) noexcept;

// Whether nothing need be sent to make one of the other. An IPv6 address may be written in several
// ways, and the service gives back what it likes.
bool is_equivalent(const record_set& left, const record_set& right);

// One for each gateway and family, in the order of the state's records.
std::vector<record_set> sets_of(const dns_state& state, std::string_view prefix);

// 1 (an even share) is 127, so that 2 and its rounding fit into 255. At least 1.
int quantized(double weight) noexcept;

// The prefix and the gateway's name. A name that is too long is cut and gets a digest of the whole.
std::string set_identifier_of(std::string_view prefix, std::string_view name_of_gateway);

// As the service writes names: in lower case, a dot at the end, and what is not a letter, a digit,
// '-', '_' or a dot as its octal code ("\052" for '*').
std::string escaped_name(std::string_view name);

// Both as of escaped_name.
bool is_in_zone(std::string_view record, std::string_view zone);

}  // namespace presenter::gateway::route53
