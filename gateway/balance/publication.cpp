#include "gateway/balance/publication.hpp"

#include <nlohmann/json.hpp>

namespace presenter::gateway {

using nlohmann::json;

std::map<std::string, double> weights_by_gateway(const dns_state& state) {
  std::map<std::string, double> weights;
  for (const dns_record& each : state.records)
    weights[each.name_of_gateway] = each.weight;
  return weights;
}

std::string encode_publication(const publication& what) {
  const json object{{"leader", what.leader},
                    {"fence", what.fence},
                    {"at", what.at.time_since_epoch().count()},
                    {"weights", what.weights}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

boost::system::result<publication> decode_publication(std::string_view text) {
  if (text.size() > publication_bytes_max) return report_errc::too_large;
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return report_errc::not_json;
  try {
    publication what;
    what.leader = object.at("leader").get<std::string>();
    what.fence = object.at("fence").get<std::int64_t>();
    what.at = sys_ms(std::chrono::milliseconds(object.at("at").get<std::int64_t>()));
    what.weights = object.at("weights").get<std::map<std::string, double>>();
    return what;
  } catch (const json::exception&) {
    return report_errc::number_invalid;
  }
}

}  // namespace presenter::gateway
