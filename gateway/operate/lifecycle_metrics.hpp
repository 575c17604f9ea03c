// The part of /metrics about a gateway's coming and going: hooks, and how it drains.
#pragma once

#include "gateway/operate/metrics.hpp"
#include "gateway/operate/prometheus_text.hpp"

namespace presenter::gateway {

void write_hooks(prometheus_text& out, const hook_facts& hooks);
void write_drain(prometheus_text& out, const drain_facts& drain);
// By upgrade_result.
void write_upgrades(prometheus_text& out, std::span<const std::uint64_t> by_result);
void write_configuration(prometheus_text& out, const config_facts& configuration);
// By admin_refusal.
void write_admin_refusals(prometheus_text& out, std::span<const std::uint64_t> by_reason);

}  // namespace presenter::gateway
