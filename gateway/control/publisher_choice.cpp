#include "gateway/control/publisher_choice.hpp"

#include <algorithm>
#include <cstdlib>

#include "gateway/balance/exec_publisher.hpp"
#include "gateway/balance/file_publisher.hpp"
#include "gateway/balance/powerdns/powerdns_publisher.hpp"
#include "gateway/balance/route53/route53_publisher.hpp"

namespace presenter::gateway {
namespace {

route53::credentials_source source_of(aws_credentials kind) {
  switch (kind) {
    case aws_credentials::automatic:
      return route53::credentials_source::automatic;
    case aws_credentials::environment:
      return route53::credentials_source::environment;
    case aws_credentials::file:
      return route53::credentials_source::file;
    case aws_credentials::container:
      return route53::credentials_source::container;
    case aws_credentials::imds:
      return route53::credentials_source::instance;
  }
  return route53::credentials_source::automatic;
}

route53::route53_options route53_of(const dns_config& settings) {
  route53::route53_options options;
  options.zone_id = settings.route53.zone_id;
  options.record_name = settings.record;
  options.set_prefix = settings.route53.set_prefix;
  options.endpoint = settings.route53.endpoint;
  options.ca_file = settings.route53.ca_file.value_or("");
  options.keys = {source_of(settings.route53.credentials), settings.route53.profile};
  const auto has = [&settings](bool is_v4) {
    return std::ranges::any_of(settings.addresses,
                               [is_v4](const auto& each) { return each.is_v4() == is_v4; });
  };
  if (has(true) != has(false))
    options.types = {has(true) ? route53::record_type::a : route53::record_type::aaaa};
  return options;
}

powerdns_settings powerdns_of(const dns_config& settings) {
  powerdns_settings options;
  options.url = *settings.powerdns.url;
  options.server = settings.powerdns.server;
  options.zone = settings.powerdns.zone;
  options.record = settings.record;
  options.api_key_file = settings.powerdns.api_key_file;
  options.ca_file = settings.powerdns.ca_file.value_or("");
  return options;
}

std::unique_ptr<dns_publisher> make(boost::asio::io_context& control, const dns_config& settings) {
  switch (settings.publisher) {
    case dns_publisher_kind::none:
      break;
    case dns_publisher_kind::route53:
      return std::make_unique<route53::route53_publisher>(control, route53_of(settings),
                                                          &std::getenv);
    case dns_publisher_kind::powerdns:
      return std::make_unique<powerdns_publisher>(control, powerdns_of(settings));
    case dns_publisher_kind::file:
      return std::make_unique<file_publisher>(control, settings.file.path);
    case dns_publisher_kind::exec:
      return std::make_unique<exec_publisher>(control, settings.exec.program,
                                              settings.exec.timeout);
  }
  return nullptr;
}

}  // namespace

std::function<std::unique_ptr<dns_publisher>()> publisher_of(boost::asio::io_context& control,
                                                             const dns_config& settings) {
  if (settings.publisher == dns_publisher_kind::none) return {};
  return [&control, &settings] { return make(control, settings); };
}

}  // namespace presenter::gateway
