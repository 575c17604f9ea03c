#include "gateway/operate/lifecycle_metrics.hpp"

#include <chrono>
#include <cstdint>

namespace presenter::gateway {

void write_hooks(prometheus_text& out, const hook_facts& hooks) {
  out.family("presenter_hooks_runs_total", "Runs of hooks, by event and by how they ended.",
             metric_type::counter);
  for (std::size_t event = 0; event < hook_event_names.size(); ++event) {
    for (std::size_t result = 0; result < hook_result_names.size(); ++result)
      out.sample({{"event", hook_event_names[event]}, {"result", hook_result_names[result]}},
                 hooks.runs[event][result]);
  }
}

void write_drain(prometheus_text& out, const drain_facts& drain) {
  out.family("presenter_drain_state", "1 at the state in which the gateway is.",
             metric_type::gauge);
  for (const std::string_view state : drain_state_names)
    out.sample({{"state", state}}, std::uint64_t{state == name_of(drain.state) ? 1U : 0U});
  out.family("presenter_drain_seconds", "How long the gateway has been draining; 0: it is not.",
             metric_type::gauge);
  out.sample({}, drain.seconds);
  out.family("presenter_drain_arrivals_total",
             "Clients that came while the gateway was draining, after its record was removed.",
             metric_type::counter);
  out.sample({}, drain.arrivals);
  out.family("presenter_drain_closed_total",
             "Clients that the gateway was told to close so that its deadline holds.",
             metric_type::counter);
  out.sample({}, drain.closed);
  if (!drain.rule_eta_seconds && !drain.deadline_eta_seconds) return;
  out.family("presenter_drain_eta_seconds",
             "Until the drain ends, by the rule as clients leave now, and by the deadline.",
             metric_type::gauge);
  if (drain.rule_eta_seconds) out.sample({{"by", "rule"}}, *drain.rule_eta_seconds);
  if (drain.deadline_eta_seconds) out.sample({{"by", "deadline"}}, *drain.deadline_eta_seconds);
}

void write_upgrades(prometheus_text& out, std::span<const std::uint64_t> by_result) {
  out.family("presenter_upgrades_total",
             "Times that another process was to take this one's place, by what came of it.",
             metric_type::counter);
  for (std::size_t result = 0; result < by_result.size(); ++result)
    out.sample({{"result", upgrade_result_names[result]}}, by_result[result]);
}

void write_configuration(prometheus_text& out, const config_facts& configuration) {
  out.family("presenter_config_reloads_total", "Reloads of the configuration, taken or refused.",
             metric_type::counter);
  out.sample({{"result", "done"}}, configuration.reloads);
  out.sample({{"result", "refused"}}, configuration.refusals);
  out.family("presenter_config_last_reload_success",
             "1: the last reload, or the start, was taken; 0: it was refused.", metric_type::gauge);
  out.sample({}, std::uint64_t{configuration.was_last_taken ? 1U : 0U});
  out.family("presenter_config_last_reload_success_timestamp_seconds",
             "When the configuration in force was read, in Unix time.", metric_type::gauge);
  out.sample({}, std::chrono::duration<double>(configuration.taken_at.time_since_epoch()).count());
}

void write_admin_refusals(prometheus_text& out, std::span<const std::uint64_t> by_reason) {
  out.family("presenter_admin_refusals_total",
             "Sessions and requests that the admin endpoint has refused, by why.",
             metric_type::counter);
  for (std::size_t why = 0; why < by_reason.size(); ++why)
    out.sample({{"reason", admin_refusal_names[why]}}, by_reason[why]);
}

}  // namespace presenter::gateway
