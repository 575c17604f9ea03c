// The client_tables of a worker while its clients are frozen: each value stands there once.
#pragma once

#include <map>
#include <memory>
#include <utility>

#include "gateway/client/client_state.hpp"
#include "gateway/client/opened_as.hpp"
#include "gateway/upstream/upstream_pool.hpp"

namespace presenter::gateway {

// Confined to: the worker's thread, during one freeze.
class freezing_tables {
 public:
  explicit freezing_tables(const upstream_pool& upstream) : upstream_(upstream) {}

  std::size_t place_of(const std::shared_ptr<const shard_router::backend_entry>& backend) {
    const auto [at, is_new] = backends_.try_emplace(backend.get(), tables_.backends.size());
    if (is_new) tables_.backends.push_back(backend);
    return at->second;
  }
  // Few are different, and those of an address that is the same are the same.
  std::size_t place_of(const protocol::tls_facts& facts) {
    const auto [at, is_new] = facts_.try_emplace(facts, tables_.facts.size());
    if (is_new) tables_.facts.push_back(facts);
    return at->second;
  }
  std::size_t link_index(const protocol::mux_core& link) const {
    return upstream_.link_index(link);
  }

  client_tables take() { return std::move(tables_); }

 private:
  const upstream_pool& upstream_;
  client_tables tables_;
  std::map<const shard_router::backend_entry*, std::size_t> backends_;
  std::map<protocol::tls_facts, std::size_t, tls_facts_less> facts_;
};

}  // namespace presenter::gateway
