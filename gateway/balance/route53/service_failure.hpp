// What a refusal of Route 53, or a request that failed, means for whoever publishes. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/net/http_message.hpp"
#include "base/net/https_client.hpp"
#include "gateway/balance/dns_publisher.hpp"

namespace presenter::gateway::route53 {

using sys_seconds = std::chrono::sys_seconds;

// Of a reply whose status is not 200. `now`, our clock, is compared with the reply's header Date:
// AWS refuses what was signed at a time far from its own with words that name no clock.
publish_result failure_of(const net::http_reply& reply, sys_seconds now);

// Of a request without any reply.
publish_result failure_of(const net::http_outcome& outcome);

// Whether the service has surely changed nothing, so that what we know of the zone is still true.
bool is_unchanged_after(publish_errc error) noexcept;

// "Sat, 28 Nov 2026 21:35:34 GMT" (RFC 9110 §5.6.7)
std::optional<sys_seconds> parse_http_date(std::string_view text);

}  // namespace presenter::gateway::route53
