#include "gateway/operate/balance_facts.hpp"

namespace presenter::gateway {
namespace {

template <class Value>
void write(prometheus_text& out, std::string_view name, std::string_view help, metric_type type,
           Value value) {
  out.family(name, help, type);
  out.sample({}, value);
}

}  // namespace

void write_balance(prometheus_text& out, const balance_facts& facts) {
  write(out, "presenter_balance_weight",
        "Weight that this gateway's record should have, 1 being an even share; 0: none.",
        metric_type::gauge, facts.weight);
  write(out, "presenter_balance_published_weight",
        "Weight that its record has in DNS; 0: none, -1: not known.", metric_type::gauge,
        facts.published_weight.value_or(-1));
  write(out, "presenter_balance_leader", "1 if this gateway publishes the fleet's records.",
        metric_type::gauge, std::uint64_t{facts.is_leader});
  write(out, "presenter_balance_terms_total", "Times that this gateway began to publish.",
        metric_type::counter, facts.terms);
  write(out, "presenter_balance_name_taken", "1 if another gateway has this one's name.",
        metric_type::gauge, std::uint64_t{facts.is_name_taken});
  write(out, "presenter_balance_reports", "Gateways of the fleet that this one knows, itself too.",
        metric_type::gauge, std::uint64_t{facts.reports});
  write(out, "presenter_balance_reports_rejected_total", "Reports that could not be used.",
        metric_type::counter, facts.reports_rejected);
  write(
      out, "presenter_balance_imbalance",
      "Clients of the fullest gateway as a part of the mean, while somebody wants them shared out.",
      metric_type::gauge, facts.imbalance);
  write(out, "presenter_balance_shed_per_second",
        "Clients that this gateway closes in a second, so that they go elsewhere.",
        metric_type::gauge, facts.shed_per_second);
  write(out, "presenter_balance_shed_eta_seconds",
        "Until the fleet is balanced at that pace; -1: never.", metric_type::gauge,
        facts.shed_eta_seconds.value_or(-1));
  write(out, "presenter_dns_publisher", "1 if [dns] names a publisher.", metric_type::gauge,
        std::uint64_t{facts.has_publisher});
  write(out, "presenter_dns_records", "Records that this gateway published last.",
        metric_type::gauge, std::uint64_t{facts.records});
  write(out, "presenter_dns_publish_age_seconds",
        "Since its last publication that succeeded; -1: none, or others publish.",
        metric_type::gauge, facts.publish_age_seconds.value_or(-1));
  write(out, "presenter_dns_stale_publications_total",
        "Publications given up at the last moment, because another gateway may lead by now.",
        metric_type::counter, facts.stale);
  out.family("presenter_dns_publications_total", "Attempts to publish, by what came of it.",
             metric_type::counter);
  for (std::size_t i = 0; i < facts.publications.size(); ++i)
    out.sample({{"result", publish_errc_names[i]}}, facts.publications[i]);
}

}  // namespace presenter::gateway
