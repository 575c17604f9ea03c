#include "gateway/operate/backend_facts.hpp"

#include <algorithm>
#include <string_view>

namespace presenter::gateway {
namespace {

void write_each(prometheus_text& out, std::string_view name, std::string_view help,
                const backend_facts& facts, std::uint64_t backend_gauges::*which) {
  if (facts.all.empty() || facts.listed_max == 0) return;
  out.family(name, help, metric_type::gauge);
  std::size_t listed = 0;
  for (const auto& [backend, gauges] : facts.all) {
    if (listed++ == facts.listed_max) return;
    out.sample({{"backend", backend}}, gauges.*which);
  }
}

}  // namespace

void write_backends(prometheus_text& out, const backend_facts& facts, std::size_t known) {
  using g = backend_gauges;
  write_each(out, "presenter_backend_streams_open", "Streams now, by backend.", facts,
             &g::streams_open);
  write_each(out, "presenter_backend_links_up", "Links that are up now, by backend.", facts,
             &g::links_up);
  write_each(out, "presenter_backend_links_suspect",
             "Links that are silent and get no new streams now, by backend.", facts,
             &g::links_suspect);
  out.family("presenter_backends_unlisted",
             "Backends without metrics of their own: metrics.backends_max.", metric_type::gauge);
  out.sample({}, std::uint64_t{known - std::min(known, facts.listed_max)});
}

}  // namespace presenter::gateway
