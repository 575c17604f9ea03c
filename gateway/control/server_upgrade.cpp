// The server's part in an upgrade in place: what its process hands over, and how it goes on with
// what another one has handed over. See: gateway/upgrade/README.md.
#include <openssl/crypto.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "base/paced_log.hpp"
#include "gateway/control/server.hpp"
#include "gateway/control/start.hpp"
#include "gateway/control/version.hpp"
#include "gateway/operate/process_counters.hpp"

namespace presenter::gateway {

// --- the process that may be replaced

std::string server::upgrade_obstacle() const {
  if (is_ending_) return "the gateway is ending";
  if (drain_.is_draining()) return "the gateway is draining";
  if (hooks_.is_busy()) return "hooks are running";
  return {};
}

process_state server::handed_over() {
  process_state state;
  state.version = version;
  state.name = node_;
  admin_->hand_over(state);
  process_facts now = facts();
  state.counters = values_of(now);
  if (const auto* session = shards_->session()) {
    state.zookeeper_session = session->credentials().session_id;
    state.zookeeper_password = session->credentials().password;
    state.map = router_.current();
  }
  state.own_ticket_keys = tickets_.own_keys();
  state.fleet_ticket_keys = tickets_.fleet_keys();
  if (early_data_ != nullptr) state.early_data = early_data_->state();
  const balancer_past past = balancer_->past();
  state.started_at = past.started_at.time_since_epoch();
  state.has_been_ready = past.has_been_ready;
  state.candidate = past.candidate;
  state.cpu = past.cpu;
  return state;
}

void server::on_replaced() {
  admin_->leave();
  if (watchdog_) watchdog_->stop();  // the other process has to speak for itself
}

void server::wait_upgrade_signal() {
  upgrade_signals_.async_wait([this](boost::system::error_code error, int) {
    if (error) return;
    upgrade_.take_signal();
    wait_upgrade_signal();
  });
}

// --- the process that goes on

bool server::await_handover() {
  if (!from_->channel.send("adopted")) return false;
  const auto answer = from_->channel.receive(true);
  from_->is_parent = answer.message == "yours parent";
  return from_->is_parent || answer.message == "yours";
}

// What workers are made with.
void server::adopt_process() {
  process_state& from = from_->process;
  node_ = from.name;
  inherited_ = std::move(from.counters);
  tickets_.adopt(from.own_ticket_keys, from.fleet_ticket_keys);
  if (early_data_ != nullptr && from.early_data) early_data_->adopt(*from.early_data);
  if (settings_.shards.zookeeper && from.map != nullptr) router_.publish(from.map);
}

std::optional<balancer_past> server::past() const {
  if (!from_) return std::nullopt;
  const process_state& from = from_->process;
  return balancer_past{sys_ms(from.started_at), from.has_been_ready, from.candidate, from.cpu};
}

// ZooKeeper's session has one handle at a time: two would take it away from each other.
void server::take_place() {
  const bool stays = from_->is_parent;
  predecessor_.emplace(
      control_, std::move(from_->channel), stays, upgrade_channel(from_->process.parent_channel),
      predecessor::events{.on_gone =
                              [this] {
                                shards_->start({.session_id = from_->process.zookeeper_session,
                                                .password = from_->process.zookeeper_password});
                                OPENSSL_cleanse(from_->process.zookeeper_password.data(),
                                                from_->process.zookeeper_password.size());
                              },
                          .on_parent_lost =
                              [this] {
                                log_paced(parent_said_, spdlog::level::warn,
                                          "the parent that passes signals on has gone: closing");
                                shut_down();
                              }});
  upgrade_.set_parent(predecessor_->parent());
  upgrade_.note_done(from_->process);
}

}  // namespace presenter::gateway
