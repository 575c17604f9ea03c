#include "presenterctl/rebalance_command.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "shard_router/zk_address.hpp"
#include "shard_router/zk_error.hpp"
#include "shard_router/zk_identity.hpp"
#include "shard_router/zk_paths.hpp"
#include "shard_router/zk_session.hpp"

namespace presenter::ctl {
namespace {

using boost::system::error_code;
using shard_router::zk_errc;

const std::string path(shard_router::rebalance_path);

// Life: while its io_context runs.
class order_writer final : public shard_router::zk_listener {
 public:
  // An empty text takes the order back.
  order_writer(boost::asio::io_context& io, shard_router::zk_session_options options,
               std::string text)
      : io_(io), session_(io.get_executor(), std::move(options)), text_(std::move(text)) {
    session_.add_listener(*this);
    session_.start();
  }
  ~order_writer() {
    session_.remove_listener(*this);
    session_.close();
  }

  std::optional<exit_code> status;
  std::string mistake;

 private:
  void on_session_state(shard_router::zk_state state) override {
    if (state != shard_router::zk_state::connected) return;
    const auto done = [this](error_code failed) { on_done(failed); };
    if (text_.empty()) return session_.set_data(path, text_, -1, done);
    session_.create_persistent(path, [this, done](error_code failed) {
      if (failed) return on_done(failed);
      session_.set_data(path, text_, -1, done);
    });
  }
  void on_node_event(std::string_view) override {}

  void on_done(error_code failed) {
    if (!failed) return end(exit_ok, {});
    if (failed == zk_errc::no_node) return end(exit_no, "there is no order");
    if (failed == zk_errc::no_auth)
      return end(exit_refused, "ZooKeeper does not let this identity do it: --zookeeper-auth-file");
    // The session says when it is connected again.
    if (failed != zk_errc::connection_loss) end(exit_unreachable, failed.message());
  }

  void end(exit_code with, std::string why) {
    status = with;
    mistake = std::move(why);
    io_.stop();
  }

  boost::asio::io_context& io_;
  shard_router::zk_session session_;
  const std::string text_;
};

exit_code tell_mistake(exit_code with, std::string_view why) {
  fmt::print(stderr, "presenterctl: {}\n", why);
  return with;
}

}  // namespace

exit_code write_rebalance(const zookeeper_options& options, const rebalance_options& order) {
  const auto address = shard_router::parse_zk_address(options.address);
  if (!address) return tell_mistake(exit_usage, "--zookeeper: " + address.error().message());
  shard_router::zk_session_options session;
  session.address = *address;
  if (!options.auth_file.empty()) {
    auto identity = shard_router::read_zk_identity(options.auth_file);
    if (!identity)
      return tell_mistake(exit_usage, "--zookeeper-auth-file: " + identity.error().message());
    session.digest_auth = std::move(*identity);
  }
  const nlohmann::json wish{{"until", order.until}, {"per_second", order.per_second}};
  boost::asio::io_context io{1};
  order_writer writer(io, std::move(session), order.is_stop ? std::string() : wish.dump());
  io.run_for(options.timeout);
  if (!writer.status)
    return tell_mistake(exit_unreachable,
                        fmt::format("ZooKeeper at {} does not answer", options.address));
  if (!writer.mistake.empty()) return tell_mistake(*writer.status, writer.mistake);
  if (options.is_json)
    fmt::print("{}\n", nlohmann::json{{"order", order.is_stop ? nlohmann::json() : wish}}.dump(2));
  else if (order.is_stop)
    fmt::print("the order is taken back: nobody is closed for it any more\n");
  else
    fmt::print("ordered: gateways with more than {} times the mean close idle clients\n",
               order.until);
  return exit_ok;
}

}  // namespace presenter::ctl
