#include "gateway/balance/powerdns/lua_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace presenter::gateway::powerdns {
namespace {

// By this comment of Lua's a record is known as ours.
constexpr std::string_view begin = "--[[presenter]] pickwrandom({";
constexpr std::string_view end = "})";
constexpr std::size_t text_bytes_max = 255;  // RFC 1035 §3.3
constexpr int weight_max = 2 * lua_weight_even;

// Texts in quotes, each as long as it may be, never cut inside a piece.
class text_packer {
 public:
  explicit text_packer(std::string_view type) : packed_(fmt::format("{} \"", type)) {}

  void add(std::string_view piece) {
    if (text_bytes_ + piece.size() > text_bytes_max) {
      packed_ += "\" \"";
      text_bytes_ = 0;
    }
    packed_ += piece;
    text_bytes_ += piece.size();
  }
  std::string finish() && { return std::move(packed_) + '"'; }

 private:
  std::string packed_;
  std::size_t text_bytes_ = 0;
};

std::optional<std::string> lua_content(std::string_view type, const address_weights& weights,
                                       bool is_v6) {
  text_packer packer(type);
  packer.add(begin);
  bool is_empty = true;
  for (const auto& [address, weight] : weights) {
    if (address.is_v6() != is_v6) continue;
    packer.add(fmt::format("{{{},'{}'}},", weight, address.to_string()));
    is_empty = false;
  }
  packer.add(end);
  if (is_empty) return std::nullopt;
  return std::move(packer).finish();
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// "{100,'192.0.2.1'},"
bool take_pair(std::string_view& text, bool is_v6, address_weights& into) {
  int weight = 0;
  if (!take(text, "{")) return false;
  const auto [rest, failed] = std::from_chars(text.data(), text.data() + text.size(), weight);
  if (failed != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  if (!take(text, ",'")) return false;
  const std::string_view address_text = text.substr(0, text.find('\''));
  boost::system::error_code no_address;
  const auto address = boost::asio::ip::make_address(std::string(address_text), no_address);
  text.remove_prefix(address_text.size());
  if (no_address || address.is_v6() != is_v6 || !take(text, "'},")) return false;
  into[address] = weight;
  return true;
}

}  // namespace

address_weights address_weights_of(const dns_state& state) {
  address_weights weights;
  for (const dns_record& each : state.records) {
    const long weight = std::lround(each.weight * lua_weight_even);
    weights[each.address] = static_cast<int>(std::clamp(weight, 1L, long{weight_max}));
  }
  return weights;
}

std::vector<std::string> lua_contents(const address_weights& weights) {
  std::vector<std::string> contents;
  for (const bool is_v6 : {false, true}) {
    if (auto content = lua_content(is_v6 ? "AAAA" : "A", weights, is_v6))
      contents.push_back(std::move(*content));
  }
  return contents;
}

std::optional<address_weights> parse_lua_content(std::string_view content) {
  std::string_view left = content;
  const bool is_v6 = take(left, "AAAA \"");
  if (!is_v6 && !take(left, "A \"")) return std::nullopt;
  if (!take(left, begin)) return std::nullopt;
  address_weights weights;
  while (left != "})\"") {
    take(left, "\" \"");
    if (left == "})\"") break;
    if (!take_pair(left, is_v6, weights)) return std::nullopt;
  }
  return weights;
}

}  // namespace presenter::gateway::powerdns
