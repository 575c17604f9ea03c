// What the Open of a client's stream said, and the Open at another backend has to say again; and
// what the stream's backend has deposited. Kept only for streams that can be handed over: idle
// clients are many, so what their handshakes agreed on is kept once for all who agreed on the same.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/slab.hpp"
#include "gateway/moves/deposit_store.hpp"
#include "gateway/moves/stream_handoff.hpp"
#include "protocol/wire/mux_frame.hpp"

namespace presenter::gateway {

// A key of usual length, a UUID for example, lies in here: allocations of their own that stay among
// those of handshakes would each hold on to a page.
class opened_as {
 public:
  // How many have agreed on the same.
  using shared_facts = std::pair<const protocol::tls_facts, std::size_t>;

  opened_as(std::string_view key, shared_facts& tls) : tls_(&tls) {
    if (key.size() > short_key_.size()) {
      long_key_ = std::make_unique<const std::string>(key);
    } else {
      key_bytes_ = static_cast<std::uint8_t>(key.size());
      std::ranges::copy(key, short_key_.begin());
    }
  }

  std::string key() const {
    return long_key_ != nullptr ? *long_key_ : std::string(short_key_.data(), key_bytes_);
  }
  const protocol::tls_facts& tls() const { return tls_->first; }
  // nullptr: none has been made, or it is used up.
  const deposit* deposited() const { return deposit_; }

  std::unique_ptr<stream_handoff> handoff;  // while the stream is between two backends

 private:
  friend class opened_store;

  shared_facts* tls_;
  deposit* deposit_ = nullptr;
  std::unique_ptr<const std::string> long_key_;
  std::uint8_t key_bytes_ = 0;
  std::array<char, 39> short_key_;
};

// In gateway/tls/README.md, Memory of an idle client, too.
static_assert(sizeof(opened_as) == 72);

// An order of what handshakes agreed on, for tables in which each stands once.
struct tls_facts_less {
  bool operator()(const protocol::tls_facts& a, const protocol::tls_facts& b) const {
    const auto all = [](const protocol::tls_facts& of) {
      return std::tie(of.version, of.suite, of.server_name, of.alpn, of.resumed, of.client_subject);
    };
    return all(a) < all(b);
  }
};

// Life: outlives the sessions. Confined to: the worker's thread. Bounds: one for each client.
class opened_store {
 public:
  opened_store() = default;
  opened_store(const opened_store&) = delete;
  opened_store& operator=(const opened_store&) = delete;

  opened_as* keep(const std::string& key, const protocol::tls_facts& tls) {
    auto& shared = *shared_.try_emplace(tls, 0).first;
    opened_as* const kept = memory_.make(key, shared);
    ++shared.second;
    return kept;
  }
  void drop(opened_as* kept) {
    if (kept == nullptr) return;
    drop_deposit(*kept);
    if (--kept->tls_->second == 0) shared_.erase(kept->tls_->first);
    memory_.destroy(kept);
  }

  // In place of the one before.
  void keep_deposit(opened_as& of, const protocol::checkpoint_frame& from) {
    of.deposit_ = deposits_.keep(of.deposit_, from);
  }
  void drop_deposit(opened_as& of) { deposits_.drop(std::exchange(of.deposit_, nullptr)); }

  std::size_t memory_bytes() const { return memory_.bytes(); }
  std::size_t deposit_bytes() const { return deposits_.memory_bytes(); }

 private:
  // The last who needs them takes them out.
  std::map<protocol::tls_facts, std::size_t, tls_facts_less> shared_;
  slab<opened_as> memory_;
  deposit_store deposits_;
};

}  // namespace presenter::gateway
