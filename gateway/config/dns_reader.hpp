// Reads [dns] and the tables below it.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <filesystem>

#include "gateway/config/config_reader.hpp"
#include "gateway/config/dns_config.hpp"

namespace presenter::gateway {

// `listening`: where clients come in, which is published unless other addresses are named. Paths
// are taken from `folder`.
void read_dns(config_section section, const boost::asio::ip::address& listening,
              const std::filesystem::path& folder, dns_config& out);

}  // namespace presenter::gateway
