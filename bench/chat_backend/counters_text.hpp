// What a chat server has counted, as one line: a backend has no page of metrics, an application
// takes the SDK's numbers into its own.
#pragma once

#include <string>

#include "bench/chat_backend/chat_service.hpp"
#include "protocol/backend_sdk/acceptor_options.hpp"
#include "shard_router/shard_counters.hpp"

namespace presenter::chat_backend {

// "name=number …" of all that is not 0. `shards`: nullptr: it is not in ZooKeeper.
std::string text_of(const chat_counters& chat, const protocol::acceptor_counters& links,
                    const shard_router::shard_counters* shards);

}  // namespace presenter::chat_backend
