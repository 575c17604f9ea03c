// The DNS service that [dns] names, as a publisher.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "gateway/balance/dns_publisher.hpp"
#include "gateway/config/config.hpp"

namespace presenter::gateway {

// Makes one whenever it is called; empty for "none". `control` and `settings` outlive what it
// makes.
std::function<std::unique_ptr<dns_publisher>()> publisher_of(boost::asio::io_context& control,
                                                             const dns_config& settings);

}  // namespace presenter::gateway
