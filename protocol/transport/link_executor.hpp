// On whose thread a link lives: an io_context's, which one thread runs.
#pragma once

#include <boost/asio/io_context.hpp>

namespace presenter::protocol {

using link_executor = boost::asio::io_context::executor_type;

}  // namespace presenter::protocol
