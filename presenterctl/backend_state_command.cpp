#include "presenterctl/backend_state_command.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "shard_router/shard_map_codec.hpp"
#include "shard_router/zk_address.hpp"
#include "shard_router/zk_error.hpp"
#include "shard_router/zk_identity.hpp"
#include "shard_router/zk_paths.hpp"
#include "shard_router/zk_session.hpp"

namespace presenter::ctl {
namespace {

using boost::system::error_code;
using shard_router::zk_errc;

// Reads, changes, writes; again if somebody else was faster. Life: while its io_context runs.
class state_writer final : public shard_router::zk_listener {
 public:
  state_writer(boost::asio::io_context& io, shard_router::zk_session_options options,
               std::string name, shard_router::backend_state state)
      : io_(io),
        has_identity_(!options.digest_auth.empty()),
        session_(io.get_executor(), std::move(options)),
        name_(std::move(name)),
        path_(shard_router::server_path(name_)),
        state_(state) {
    session_.add_listener(*this);
    session_.start();
  }
  ~state_writer() {
    session_.remove_listener(*this);
    session_.close();
  }

  std::optional<exit_code> status;
  std::string mistake;
  bool is_changed = false;

 private:
  void on_session_state(shard_router::zk_state state) override {
    if (state == shard_router::zk_state::connected) read();
  }
  void on_node_event(std::string_view) override {}

  void read() {
    session_.get_data(path_, [this](error_code failed, const std::string& data,
                                    const shard_router::zk_stat& stat) {
      if (failed == zk_errc::no_node)
        return end(exit_no, fmt::format("there is no such backend in {}{}", session_.chroot(),
                                        shard_router::servers_path));
      if (failed) return on_failure(failed);
      auto found = shard_router::decode_backend(name_, data);
      if (!found) return end(exit_no, path_ + ": " + found.error().message());
      if (found->state == state_) return end(exit_ok, {});
      found->state = state_;
      write(*found, stat.version);
    });
  }

  void write(const shard_router::backend_entry& backend, std::int32_t version) {
    session_.set_data(path_, encode_backend(backend), version, [this](error_code failed) {
      if (failed == zk_errc::bad_version || failed == zk_errc::no_node) return read();
      if (failed) return on_failure(failed);
      is_changed = true;
      end(exit_ok, {});
    });
  }

  void on_failure(error_code failed) {
    if (failed == zk_errc::no_auth) {
      return end(exit_refused, fmt::format("ZooKeeper does not let {} change {}{}",
                                           has_identity_ ? "the identity of --zookeeper-auth-file"
                                                         : "anybody without --zookeeper-auth-file",
                                           session_.chroot(), path_));
    }
    // The session says when it is connected again.
    if (failed != zk_errc::connection_loss) end(exit_unreachable, path_ + ": " + failed.message());
  }

  void end(exit_code with, std::string why) {
    status = with;
    mistake = std::move(why);
    io_.stop();
  }

  boost::asio::io_context& io_;
  const bool has_identity_;
  shard_router::zk_session session_;
  const std::string name_;
  const std::string path_;
  const shard_router::backend_state state_;
};

exit_code fail(exit_code with, std::string_view why) {
  fmt::print(stderr, "presenterctl: {}\n", why);
  return with;
}

}  // namespace

exit_code write_backend_state(const zookeeper_options& options, const std::string& name,
                              shard_router::backend_state state) {
  const auto address = shard_router::parse_zk_address(options.address);
  if (!address) return fail(exit_usage, "--zookeeper: " + address.error().message());
  if (!shard_router::is_backend_name(name)) return fail(exit_usage, "not a name of a backend");
  shard_router::zk_session_options session;
  session.address = *address;
  if (!options.auth_file.empty()) {
    auto identity = shard_router::read_zk_identity(options.auth_file);
    if (!identity) return fail(exit_usage, "--zookeeper-auth-file: " + identity.error().message());
    session.digest_auth = std::move(*identity);
  }
  boost::asio::io_context io{1};
  state_writer writer(io, std::move(session), name, state);
  io.run_for(options.timeout);
  if (!writer.status)
    return fail(exit_unreachable, fmt::format("ZooKeeper at {} does not answer", options.address));
  if (!writer.mistake.empty()) return fail(*writer.status, name + ": " + writer.mistake);
  if (options.is_json) {
    const nlohmann::json report{
        {"server", name}, {"state", name_of(state)}, {"changed", writer.is_changed}};
    fmt::print("{}\n", report.dump(2));
  } else {
    fmt::print("{} is {}{}\n", name, name_of(state), writer.is_changed ? " now" : " already");
  }
  return *writer.status;
}

}  // namespace presenter::ctl
