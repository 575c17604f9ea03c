// A worker's links ↔ the Thrift structs Link and Backend.
#pragma once

#include "gateway/upstream/upstream_state.hpp"
#include "upgrade_types.h"

namespace presenter::gateway {

void fill(const shard_router::backend_entry& backend, upgrade_idl::Backend& made);
void fill(const upstream_link_state& state, upgrade_idl::Link& made);

// Throw std::runtime_error: what is wrong, without quoting any of it.
shard_router::backend_entry backend_of(const upgrade_idl::Backend& read);
upstream_link_state link_of(const upgrade_idl::Link& read);

}  // namespace presenter::gateway
