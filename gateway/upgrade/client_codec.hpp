// A worker's clients ↔ the Thrift structs Client and Facts.
#pragma once

#include "gateway/client/client_state.hpp"
#include "upgrade_types.h"

namespace presenter::gateway {

void fill(const protocol::tls_facts& facts, upgrade_idl::Facts& made);
protocol::tls_facts facts_of(const upgrade_idl::Facts& read);

void fill(const client_state& state, upgrade_idl::Client& made);
// Throws std::runtime_error: what is wrong, without quoting any of it. Whether it fits the worker's
// tables and links, its adoption says.
client_state client_of(const upgrade_idl::Client& read);

// The keys in it.
void wipe(upgrade_idl::Client& client) noexcept;

}  // namespace presenter::gateway
