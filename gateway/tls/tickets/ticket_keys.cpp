#include "gateway/tls/tickets/ticket_keys.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "base/error_table.hpp"

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;

// The header: four letters, the layout's version, a zero, the number of keys.
constexpr std::string_view magic = "PTKS";
constexpr std::uint64_t layout_version = 1;
constexpr std::size_t header_bytes = 8;
constexpr std::size_t key_bytes = ticket_key::name_bytes + 2 * ticket_key::part_bytes + 2 * 8;
static_assert(ticket_keys::encoded_bytes_max == header_bytes + ticket_keys::keys_max * key_bytes);

// A year some way off. Times outside could overflow when a lifetime is added.
constexpr std::int64_t time_ms_max = 253'402'300'799'000;  // 9999-12-31

void append_number(std::string& to, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = bytes; i-- > 0;)
    to += static_cast<char>(value >> (8 * i));
}

void append_bytes(std::string& to, std::span<const std::uint8_t> bytes) {
  to.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// Reads from front to back. The caller has made sure of the length.
class reader {
 public:
  explicit reader(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    for (const char c : take(bytes))
      value = value << 8 | static_cast<std::uint8_t>(c);
    return value;
  }

  void copy_to(std::span<std::uint8_t> out) { std::ranges::copy(take(out.size()), out.begin()); }

 private:
  std::string_view take(std::size_t bytes) {
    const std::string_view taken = bytes_.substr(0, bytes);
    bytes_.remove_prefix(bytes);
    return taken;
  }

  std::string_view bytes_;
};

void fill_random(std::span<std::uint8_t> out) {
  if (RAND_priv_bytes(out.data(), static_cast<int>(out.size())) != 1)
    throw std::runtime_error("no randomness for ticket keys");
}

ticket_key make_key(ticket_time seals_from, std::chrono::milliseconds lifetime) {
  ticket_key key;
  fill_random(key.name);
  fill_random(key.cipher_key);
  fill_random(key.mac_key);
  key.seals_from = seals_from;
  key.opens_until = seals_from + lifetime;
  return key;
}

bool is_time(std::uint64_t value) {
  return value <= static_cast<std::uint64_t>(time_ms_max);
}

ticket_time time_of(std::uint64_t value) {
  return ticket_time(std::chrono::milliseconds(static_cast<std::int64_t>(value)));
}

bool has_name_twice(const std::vector<ticket_key>& keys) {
  for (auto key = keys.begin(); key != keys.end(); ++key) {
    if (std::any_of(keys.begin(), key, [&](const auto& other) { return other.name == key->name; }))
      return true;
  }
  return false;
}

bool is_newest_first(const std::vector<ticket_key>& keys) {
  const auto is_wrong = [](const auto& newer, const auto& older) {
    return newer.seals_from <= older.seals_from;
  };
  return std::ranges::adjacent_find(keys, is_wrong) == keys.end();
}

// No default, so that the compiler finds a missing one.
constexpr error_row row_of(ticket_errc code) {
  switch (code) {
    case ticket_errc::layout_unknown:
      return {"layout_unknown", "not ticket keys, or of a newer gateway"};
    case ticket_errc::length_invalid:
      return {"length_invalid", "not as long as the number of ticket keys in it says"};
    case ticket_errc::count_invalid:
      return {"count_invalid", "no ticket key, or too many"};
    case ticket_errc::order_invalid:
      return {"order_invalid", "ticket keys are not from newest to oldest, or one is there twice"};
    case ticket_errc::times_invalid:
      return {"times_invalid", "a ticket key's times are impossible"};
    case ticket_errc::file_size_invalid:
      return {"file_size_invalid", "not 1 to 64 ticket keys of 80 bytes each"};
  }
  return unknown_error;
}

}  // namespace

const boost::system::error_category& ticket_error_category() noexcept {
  static const error_table<ticket_errc> table("presenter.tickets", row_of);
  return table;
}

boost::system::error_code make_error_code(ticket_errc code) noexcept {
  return {static_cast<int>(code), ticket_error_category()};
}

std::string_view name_of(ticket_errc code) noexcept {
  return row_of(code).name;
}

ticket_key::~ticket_key() {
  OPENSSL_cleanse(cipher_key.data(), cipher_key.size());
  OPENSSL_cleanse(mac_key.data(), mac_key.size());
}

// --- ticket_keys

ticket_keys ticket_keys::first(ticket_time now, const ticket_policy& policy) {
  std::vector<ticket_key> keys;
  keys.push_back(make_key(now, policy.lifetime));
  return ticket_keys(std::move(keys));
}

boost::system::result<ticket_keys> ticket_keys::decode(std::string_view bytes) {
  if (bytes.size() < header_bytes || !bytes.starts_with(magic)) return ticket_errc::layout_unknown;
  reader in(bytes.substr(magic.size()));
  if (in.number(2) != layout_version << 8) return ticket_errc::layout_unknown;
  const std::uint64_t count = in.number(2);
  if (count == 0 || count > keys_max) return ticket_errc::count_invalid;
  if (bytes.size() != header_bytes + count * key_bytes) return ticket_errc::length_invalid;

  std::vector<ticket_key> keys(count);
  for (ticket_key& key : keys) {
    in.copy_to(key.name);
    in.copy_to(key.cipher_key);
    in.copy_to(key.mac_key);
    const std::uint64_t seals_from = in.number(8);
    const std::uint64_t opens_until = in.number(8);
    if (!is_time(seals_from) || !is_time(opens_until)) return ticket_errc::times_invalid;
    key.seals_from = time_of(seals_from);
    key.opens_until = time_of(opens_until);
    const auto lifetime = key.opens_until - key.seals_from;
    if (lifetime <= 0ms || lifetime > ticket_policy::lifetime_max)
      return ticket_errc::times_invalid;
  }
  if (!is_newest_first(keys) || has_name_twice(keys)) return ticket_errc::order_invalid;
  return ticket_keys(std::move(keys));
}

boost::system::result<ticket_keys> ticket_keys::from_file(std::string_view bytes) {
  const std::size_t count = bytes.size() / file_key_bytes;
  if (count == 0 || count > keys_max || bytes.size() % file_key_bytes != 0)
    return ticket_errc::file_size_invalid;
  std::vector<ticket_key> keys(count);
  reader in(bytes);
  for (ticket_key& key : keys) {
    in.copy_to(key.name);
    in.copy_to(key.mac_key);
    in.copy_to(key.cipher_key);
    key.opens_until = ticket_time::max();
  }
  if (has_name_twice(keys)) return ticket_errc::order_invalid;
  return ticket_keys(std::move(keys));
}

std::string ticket_keys::encode() const {
  std::string out;
  // At once: what growth leaves behind would not be wiped.
  out.reserve(encoded_bytes_max);
  out += magic;
  append_number(out, layout_version << 8, 2);
  append_number(out, keys_.size(), 2);
  for (const ticket_key& key : keys_) {
    append_bytes(out, key.name);
    append_bytes(out, key.cipher_key);
    append_bytes(out, key.mac_key);
    append_number(out, static_cast<std::uint64_t>(key.seals_from.time_since_epoch().count()), 8);
    append_number(out, static_cast<std::uint64_t>(key.opens_until.time_since_epoch().count()), 8);
  }
  return out;
}

bool ticket_keys::is_rotation_due(ticket_time now, std::chrono::milliseconds period) const {
  return now - period >= newest().seals_from;
}

ticket_keys ticket_keys::rotated(ticket_time now, const ticket_policy& policy,
                                 std::chrono::milliseconds settle) const {
  const bool is_bare = sealing(now) == nullptr;
  // Later than all others also if it was a clock ahead of ours that made them.
  const ticket_time seals_from =
      std::max(now + (is_bare ? 0ms : settle), newest().seals_from + 1ms);
  std::vector<ticket_key> keys;
  keys.reserve(keys_max);
  keys.push_back(make_key(seals_from, policy.lifetime));
  for (const ticket_key& key : keys_) {
    if (key.opens_until > now && keys.size() < keys_max) keys.push_back(key);
  }
  return ticket_keys(std::move(keys));
}

const ticket_key* ticket_keys::sealing(ticket_time now) const {
  const auto found = std::ranges::find_if(
      keys_, [&](const auto& key) { return key.seals_from <= now && now < key.opens_until; });
  return found == keys_.end() ? nullptr : &*found;
}

const ticket_key* ticket_keys::find(ticket_key::name_view name, ticket_time now) const {
  const auto found = std::ranges::find_if(
      keys_, [&](const auto& key) { return std::ranges::equal(key.name, name); });
  return found == keys_.end() || now >= found->opens_until ? nullptr : &*found;
}

// --- ticket_ring

std::string_view name_of(ticket_origin origin) noexcept {
  switch (origin) {
    case ticket_origin::zookeeper:
      return "zookeeper";
    case ticket_origin::file:
      return "file";
    case ticket_origin::random:
      return "random";
  }
  return "unknown";
}

ticket_ring::choice ticket_ring::sealing(ticket_time now) const {
  for (const layer& each : layers_) {
    if (const ticket_key* key = each.keys.sealing(now)) return {key, each.origin};
  }
  return {&layers_.back().keys.newest(), layers_.back().origin};
}

const ticket_key* ticket_ring::find(ticket_key::name_view name, ticket_time now) const {
  for (const layer& each : layers_) {
    if (const ticket_key* key = each.keys.find(name, now)) return key;
  }
  return nullptr;
}

std::size_t ticket_ring::size() const {
  std::size_t keys = 0;
  for (const layer& each : layers_)
    keys += each.keys.size();
  return keys;
}

ticket_ring_ptr make_random_ring(const ticket_policy& policy) {
  std::vector<ticket_ring::layer> layers;
  layers.push_back({ticket_origin::random, ticket_keys::first(ticket_clock_now(), policy)});
  return std::make_shared<const ticket_ring>(std::move(layers));
}

void wipe(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace presenter::gateway
