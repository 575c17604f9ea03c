#include "presenterctl/backend_state_command.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "presenterctl/answers.hpp"
#include "presenterctl/drain_watch.hpp"
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
  std::string instance;  // of the process whose entry it is

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
      instance = found->instance;
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

struct written_order {
  exit_code status = exit_ok;
  bool is_changed = false;
  std::string instance = {};
};

// Says what went wrong.
written_order write_order(const zookeeper_options& options, const std::string& name,
                          shard_router::backend_state state) {
  const auto address = shard_router::parse_zk_address(options.address);
  if (!address) return {fail(exit_usage, "--zookeeper: " + address.error().message())};
  if (!shard_router::is_backend_name(name)) return {fail(exit_usage, "not a name of a backend")};
  shard_router::zk_session_options session;
  session.address = *address;
  if (!options.auth_file.empty()) {
    auto identity = shard_router::read_zk_identity(options.auth_file);
    if (!identity)
      return {fail(exit_usage, "--zookeeper-auth-file: " + identity.error().message())};
    session.digest_auth = std::move(*identity);
  }
  boost::asio::io_context io{1};
  state_writer writer(io, std::move(session), name, state);
  io.run_for(options.timeout);
  if (!writer.status)
    return {
        fail(exit_unreachable, fmt::format("ZooKeeper at {} does not answer", options.address))};
  if (!writer.mistake.empty()) return {fail(*writer.status, name + ": " + writer.mistake)};
  return {*writer.status, writer.is_changed, writer.instance};
}

nlohmann::json page_of(const std::string& name, shard_router::backend_state state,
                       const written_order& order) {
  return {{"server", name}, {"state", name_of(state)}, {"changed", order.is_changed}};
}

void tell(const std::string& name, shard_router::backend_state state, const written_order& order) {
  fmt::print("{} is {}{}\n", name, name_of(state), order.is_changed ? " now" : " already");
}

// --- waiting

// Tells each change once.
class progress_line {
 public:
  explicit progress_line(std::string name) : name_(std::move(name)) {}

  void tell(const drain_watch& watch) {
    std::string line = fmt::format("{}: {} streams left", name_, watch.streams());
    if (line == last_) return;
    last_ = line;
    if (watch.eta_seconds() > 0) line += fmt::format(", some {:.0f} s to go", watch.eta_seconds());
    fmt::print("{}\n", line);
    std::fflush(stdout);  // whoever waits wants to see it
  }

 private:
  const std::string name_;
  std::string last_;
};

// One look at all gateways. Nothing: they are still at it.
std::optional<exit_code> look(const gateway_options& options, drain_watch& watch,
                              std::vector<int>& failures) {
  for (std::size_t i = 0; i < options.gateways.size(); ++i) {
    const auto answer = ask_gateways({options.gateways[i]}, gateway_method::question, "/shards",
                                     options.timeout, options.token)
                            .front();
    if (answer.page.is_object() && !answer.page.contains("error")) {
      failures[i] = 0;
      watch.on_page(i, answer.page);
    } else if (++failures[i] == failures_max) {
      return fail(exit_unreachable,
                  fmt::format("{}: {}", options.gateways[i],
                              answer.status == 0 ? answer.mistake
                                                 : fmt::format("answers {}", answer.status)));
    }
  }
  if (watch.is_taken_back()) return fail(exit_no, "somebody has taken the order back");
  return watch.is_empty() ? std::optional(exit_ok) : std::nullopt;
}

exit_code wait_until_empty(const gateway_options& options, const std::string& name,
                           const std::string& instance) {
  drain_watch watch(name, instance, options.gateways.size());
  std::vector<int> failures(options.gateways.size());
  progress_line progress(name);
  bool is_warned = false;
  std::optional<exit_code> end;
  while (!(end = look(options, watch, failures))) {
    if (!options.is_json) progress.tell(watch);
    if (watch.has_nowhere_to_go() && !std::exchange(is_warned, true))
      fmt::print(stderr, "presenterctl: no other backend is up: its streams stay\n");
    pause_between_looks();
  }
  return *end;
}

}  // namespace

exit_code write_backend_state(const zookeeper_options& options, const std::string& name,
                              shard_router::backend_state state) {
  const written_order order = write_order(options, name, state);
  if (order.status != exit_ok) return order.status;
  if (options.is_json) {
    fmt::print("{}\n", page_of(name, state, order).dump(2));
  } else {
    tell(name, state, order);
  }
  return exit_ok;
}

exit_code drain_and_wait(const zookeeper_options& options, const std::string& name,
                         const gateway_options& gateways) {
  const auto state = shard_router::backend_state::draining;
  const auto begun = std::chrono::steady_clock::now();
  // Before anything is ordered: an address with a mistake would never say that it is empty.
  const answers first = ask(gateways, "/shards");
  if (first.status != exit_ok) return first.status;
  const written_order order = write_order(options, name, state);
  if (order.status != exit_ok) return order.status;
  if (!options.is_json) tell(name, state, order);
  exit_code end = exit_unreachable;
  try {
    end = wait_until_empty(gateways, name, order.instance);
  } catch (const nlohmann::json::exception& error) {
    fail(end, fmt::format("a gateway's answer is not understood: {}", error.what()));
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  if (options.is_json) {
    nlohmann::json page = page_of(name, state, order);
    page["empty"] = end == exit_ok;
    page["seconds"] = seconds;
    fmt::print("{}\n", page.dump(2));
  } else if (end == exit_ok) {
    fmt::print("{} is empty after {:.1f} s\n", name, seconds);
  }
  return end;
}

}  // namespace presenter::ctl
