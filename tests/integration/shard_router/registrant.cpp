// registrant HOST:PORT/CHROOT NAME: registers and stays until it is killed. For tests in which a
// backend crashes: a process that says good-bye to nobody.
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <utility>

#include "shard_router/zk_address.hpp"
#include "shard_router/zk_registration.hpp"
#include "shard_router/zk_session.hpp"

int main(int argc, char** argv) {
  using namespace presenter::shard_router;
  if (argc != 3) return 2;
  auto address = parse_zk_address(argv[1]);
  if (!address) return 2;
  zk_session_options options;
  options.address = std::move(*address);
  options.session_timeout = std::chrono::seconds(1);
  boost::asio::io_context control;
  zk_session session(control.get_executor(), options);
  backend_entry self;
  self.name = argv[2];
  self.host = "127.0.0.1";
  self.port = 7000;
  zk_registration registration(session, self);
  session.start();
  registration.start();
  control.run();
}
