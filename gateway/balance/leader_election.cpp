#include "gateway/balance/leader_election.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/paced_log.hpp"
#include "shard_router/zk_paths.hpp"
#include "shard_router/zk_registration.hpp"

namespace presenter::gateway {

using boost::system::error_code;
using shard_router::election_path;
using shard_router::zk_errc;
using shard_router::zk_stat;
using shard_router::zk_state;

namespace {

constexpr std::chrono::seconds look_again_after{1};

// What ZooKeeper puts behind a sequential node's name.
constexpr std::size_t sequence_digits = 10;

std::string_view sequence_of(std::string_view name) {
  return name.substr(name.size() - std::min(name.size(), sequence_digits));
}

std::string candidate_path(std::string_view name) {
  return std::string(election_path).append("/").append(name);
}

}  // namespace

leader_election::leader_election(shard_router::zk_session& session, std::string name,
                                 std::function<void()> on_changed, std::string stem)
    : session_(session),
      name_(std::move(name)),
      on_changed_(std::move(on_changed)),
      stem_(stem.empty() ? shard_router::make_instance() + "-" : std::move(stem)),
      retry_timer_(session.executor()) {
  session_.add_listener(*this);
  step();
}

leader_election::~leader_election() {
  session_.remove_listener(*this);
}

void leader_election::on_session_state(zk_state state) {
  requests_.renew();
  retry_timer_.cancel();
  set_leader(false);
  if (state == zk_state::expired) stem_ = shard_router::make_instance() + "-";
  if (state == zk_state::connected) step();
}

void leader_election::on_node_event(std::string_view path) {
  if (path == own_path_ || path == before_path_) step();
}

// Looks at all candidates anew; what was asked before counts no more.
void leader_election::step() {
  if (session_.state() != zk_state::connected) return;
  requests_.renew();
  session_.get_children(
      std::string(election_path),
      requests_.bind(
          [this](error_code failed, const std::vector<std::string>& names, const zk_stat&) {
            if (failed == zk_errc::no_node) return make_parent();
            if (failed) return retry_later(failed);
            on_candidates(names);
          }),
      false);
}

void leader_election::make_parent() {
  session_.create_persistent(std::string(election_path), requests_.bind([this](error_code failed) {
    failed ? retry_later(failed) : make_candidate();
  }));
}

void leader_election::make_candidate() {
  session_.create_ephemeral_sequential(
      candidate_path(stem_), name_, requests_.bind([this](error_code failed, const std::string&) {
        failed ? retry_later(failed) : step();
      }));
}

void leader_election::on_candidates(const std::vector<std::string>& names) {
  const std::string* own = nullptr;
  for (const std::string& each : names) {
    if (each.starts_with(stem_) && (own == nullptr || sequence_of(each) < sequence_of(*own)))
      own = &each;
  }
  if (own == nullptr) {
    set_leader(false);
    return make_candidate();
  }
  own_path_ = candidate_path(*own);
  const std::string* before = nullptr;
  for (const std::string& each : names) {
    if (sequence_of(each) >= sequence_of(*own)) continue;
    if (before == nullptr || sequence_of(each) > sequence_of(*before)) before = &each;
  }
  before == nullptr ? look_at_own() : wait_for(candidate_path(*before));
}

void leader_election::wait_for(const std::string& before) {
  set_leader(false);
  before_path_ = before;
  session_.exists(before, requests_.bind([this](error_code failed) {
    if (failed == zk_errc::no_node) return step();
    if (failed) retry_later(failed);
  }));
}

// For its czxid, and with a watch: somebody may remove it.
void leader_election::look_at_own() {
  before_path_.clear();
  session_.get_data(
      own_path_, requests_.bind([this](error_code failed, const std::string&, const zk_stat& stat) {
        if (failed == zk_errc::no_node) return step();
        if (failed) return retry_later(failed);
        fence_ = stat.czxid;
        set_leader(true);
      }));
}

void leader_election::set_leader(bool is_leader) {
  if (std::exchange(is_leader_, is_leader) != is_leader) on_changed_();
}

void leader_election::retry_later(const error_code& failed) {
  // After a disconnect the session's return makes us look.
  if (failed != zk_errc::connection_loss)
    log_paced(failures_said_, spdlog::level::warn, "{}{}: the election does not go on: {}",
              session_.chroot(), election_path, failed.message());
  retry_timer_.expires_after(look_again_after);
  retry_timer_.async_wait(life_.bind([this](error_code cancelled) {
    if (!cancelled) step();
  }));
}

void leader_election::write_as_leader(const std::string& path, const std::string& data,
                                      done_handler done) {
  session_.set_data_while(own_path_, path, data, life_.bind(std::move(done)));
}

}  // namespace presenter::gateway
