#include "protocol/backend_sdk/acceptor_options.hpp"

#include <stdexcept>

namespace presenter::protocol {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(std::string("acceptor_options: ") + what);
}

}  // namespace

void check(const acceptor_options& options) {
  using namespace limits;
  require(options.node.size() <= node_bytes_max, "node is longer than 255 bytes");
  require(options.map_epoch >= 0, "map_epoch is negative");
  require(options.stream_window_bytes >= stream_window_bytes_min &&
              options.stream_window_bytes <= stream_window_bytes_max,
          "stream_window_bytes is not 1,024 to 16,777,216");
  require(options.link_window_bytes >= link_window_bytes_min &&
              options.link_window_bytes <= link_window_bytes_max,
          "link_window_bytes is not 16,384 to 1,073,741,824");
  require(options.link_window_bytes >= link_windows_per_stream * options.stream_window_bytes,
          "link_window_bytes is less than two stream windows");
  require(options.streams_open_max >= 1, "streams_open_max is below 1");
  require(options.streams_opening_max >= 1, "streams_opening_max is below 1");
  require(options.opens_per_second >= 1, "opens_per_second is below 1");
  require(options.moves_per_second >= 0, "moves_per_second is negative");
  require(options.ping_interval.count() >= 1, "ping_interval is below a millisecond");
}

}  // namespace presenter::protocol
