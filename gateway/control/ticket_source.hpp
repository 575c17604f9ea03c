// Where the keys of session tickets come from: the fleet's in ZooKeeper, which any gateway rotates
// when they are due; until there are some, or when they have aged out, those of a file; else this
// gateway's own, made at random. Every change makes a new ring for the workers.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/config/config.hpp"
#include "gateway/operate/file_watch.hpp"
#include "gateway/operate/log.hpp"
#include "gateway/operate/metrics.hpp"
#include "gateway/tls/tickets/ticket_keys.hpp"
#include "shard_router/zk_secret.hpp"
#include "shard_router/zk_session.hpp"

namespace presenter::gateway {

// Life: the server's. Confined to: the control thread.
// See: gateway/tls/tickets/README.md, Tickets.
class ticket_source {
 public:
  using publish = std::function<void(const ticket_ring_ptr&)>;

  // Throws std::runtime_error if the key file is not usable. `settings` outlives this object, and
  // changes with change() only.
  ticket_source(boost::asio::io_context& control, const tls_config& settings);

  // Goes on with the keys of another process, as ticket_keys encodes them; empty: it had none. What
  // cannot be read is left out. Before current().
  void adopt(const std::string& own, const std::string& fleet);
  // Secret, to be wiped by the caller.
  std::string own_keys() const { return own_.encode(); }
  std::string fleet_keys() const { return fleet_ ? fleet_->encode() : std::string(); }

  // The newest ring; never null.
  const ticket_ring_ptr& current() const { return ring_; }

  // From now on every newer ring goes to `publish`. `session`, until stop(): ZooKeeper's, with a
  // digest identity; nullptr: the fleet has no keys there, which is said in the log.
  void start(shard_router::zk_session* session, publish publish);

  // Reads the key file once more, if there is one; so does a change of the file. What is not usable
  // leaves the old keys in force, and the log says why.
  void reload_file();

  // The old keys stay.
  void refuse_file(const std::string& why);

  // A new configuration is in force, and `settings` has changed: with the keys of its file, if it
  // names one. `seen`: see file_watch::change.
  void change(std::optional<ticket_keys> file, file_watch::stamps seen);

  // Call before the session ends. No ring is published any more.
  void stop();

  ticket_facts facts() const;
  // What of these settings is watched.
  static std::vector<std::filesystem::path> paths_of(const tls_config& settings);

 private:
  void on_data(const std::string& data, std::int32_t version);
  void on_absent();
  void on_refused(const boost::system::error_code& why);

  void wait_step();
  void step();
  void tell_file();
  void rotate_fleet(ticket_time now);
  void write_done(const boost::system::error_code& failed, const char* what);
  void renew_ring();
  void tell_origin(ticket_time now);

  const tls_config& settings_;
  const ticket_time made_at_;
  file_watch watch_;  // before the file is read
  ticket_keys own_;
  std::optional<ticket_keys> file_;
  std::optional<ticket_keys> fleet_;
  std::int32_t fleet_version_ = 0;
  bool is_fleet_known_ = false;  // what fleet_ holds is what ZooKeeper's node held last
  std::chrono::milliseconds jitter_{0};
  std::string refused_;  // the last refusal, so that it is logged once
  struct {
    log_pace file{10};
    log_pace file_refused{10};
    log_pace fleet{10};
    log_pace fleet_refused{10};
    log_pace written{10};
    log_pace origin{10};
  } said_;
  ticket_origin origin_ = ticket_origin::random;
  std::uint64_t rotations_ = 0;
  std::uint64_t refusals_ = 0;
  std::uint64_t file_reloads_ = 0;
  std::uint64_t file_refusals_ = 0;
  ticket_ring_ptr ring_;
  publish publish_;
  boost::asio::steady_timer step_timer_;
  std::unique_ptr<shard_router::zk_secret> secret_;
};

}  // namespace presenter::gateway
