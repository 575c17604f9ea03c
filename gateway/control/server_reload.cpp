// The server's part in a reload: puts another configuration in force while clients are served.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/paced_log.hpp"
#include "gateway/config/config_changes.hpp"
#include "gateway/control/server.hpp"
#include "gateway/control/start.hpp"
#include "gateway/operate/log.hpp"
#include "gateway/operate/process_counters.hpp"

namespace presenter::gateway {
namespace {

// SIGHUP that comes more often than that waits, and several that wait are one.
constexpr std::chrono::milliseconds reload_gap{200};

bool has_other_balance(const config& now, const config& next) {
  const config_places nowhere;
  return std::ranges::any_of(
      changes_between({now, nowhere}, {next, nowhere}), [](const key_change& each) {
        return each.key.starts_with("dns.") || each.key.starts_with("balance.");
      });
}

bool is_same(const shard_router::shard_map& now, const shard_router::shard_map& next) {
  return now.backends() == next.backends();
}

}  // namespace

config_parts server::parts_of_config() {
  return {.obstacle = [this]() -> std::string {
            if (is_ending_) return "the gateway is ending";
            if (upgrade_.is_under_way())
              return "an upgrade is under way: the new process reads the configuration itself";
            return {};
          },
          .refuse =
              [this](const read_config& read) {
                const checked_files& files = read.files;
                if (!files.tls.mistakes.empty()) tls_.refuse(files.tls.mistakes.front().text);
                if (!files.ticket_mistake.empty()) tickets_.refuse_file(files.ticket_mistake);
              },
          .apply = [this](const config& next, read_config& read,
                          std::function<void()> done) { apply(next, read, std::move(done)); }};
}

void server::wait_reload() {
  reload_signals_.async_wait([this](boost::system::error_code error, int) {
    if (error) return;
    if (!std::exchange(is_reload_due_, true)) {
      const auto now = std::chrono::steady_clock::now();
      reload_timer_.expires_at(std::max(now, reloaded_at_ + reload_gap));
      reload_timer_.async_wait([this](boost::system::error_code cancelled) {
        if (cancelled) return;
        is_reload_due_ = false;
        configuration_.reload("SIGHUP", [](const json_answer&) {});
        reloaded_at_ = std::chrono::steady_clock::now();
      });
    }
    wait_reload();
  });
}

// All workers or none, so what could fail comes first; behind `settings_ = next` nothing may.
void server::apply(const config& next, read_config& read, std::function<void()> done) {
  if (const auto worse = tls_.obstacle(*read.files.tls.files)) {
    tls_.refuse(*worse);
    throw std::runtime_error(*worse);
  }
  // Where the file wants another address the token of this one stays, whatever became of its file.
  std::optional<std::string> token;
  if (read.loaded.value.admin.address == next.admin.address)
    token = admin_places::token_of(next.admin);
  if (addresses_ == nullptr && address_limits::is_needed(next.limits))
    addresses_ = std::make_unique<address_limits>(next.limits);
  std::vector<worker_change> changes;
  const auto shared = std::make_shared<const config>(next);
  const std::size_t clients_max = clients_max_of(next, descriptors_max_);
  const move_paces paces = paces_of(next);
  for (const auto& worker : workers_)
    changes.push_back(
        {.settings = shared,
         .tls = worker->make_tls(next, read.files.tls.files),
         .clients_max = std::max<std::size_t>(1, clients_max / workers_.size()),
         .addresses = addresses_.get(),
         .paces = paces,
         .held_bytes_max = static_cast<std::size_t>(next.moves.held_bytes_max) / workers_.size()});
  const auto left = std::make_shared<std::size_t>(workers_.size());
  const std::function<void()> on_taken = [this, left, done = std::move(done)] {
    boost::asio::post(control_, [left, done] {
      if (--*left == 0) done();
    });
  };
  std::optional<balancer_past> past;
  if (has_other_balance(settings_, next)) {
    past = balancer_->past();
    balancer_->stop();
  }
  // An order's level holds until the process ends.
  if (next.log.level != settings_.log.level) gateway::set_log_level(next.log.level);
  set_log_format(next.log.format);
  settings_ = next;
  clients_max_ = clients_max;
  paces_ = paces;
  if (addresses_ != nullptr) addresses_->change(settings_.limits);
  for (std::size_t i = 0; i < workers_.size(); ++i)
    workers_[i]->post_config(std::move(changes[i]), on_taken);
  tls_.change(read.files.tls, std::move(read.tls_seen));
  tickets_.change(std::move(read.files.tickets), std::move(read.tickets_seen));
  drain_.set_times(settle_of(settings_.dns), settings_.upstream.notice);
  pages_->set_paces(paces_);
  if (token && admin_->set_token(std::move(*token)))
    log_paced(tokens_said_, spdlog::level::info, "admin.token_file: another token is in force");
  if (past) renew_balancer(std::move(*past));
  if (read.files.map != nullptr && settings_.shards.file &&
      (router_.current() == nullptr || !is_same(*router_.current(), *read.files.map)))
    router_.publish(read.files.map);
}

// What the fleet knows of this gateway goes on, as it does in an upgrade.
void server::renew_balancer(balancer_past past) {
  process_facts ended;
  ended.balance = balancer_->facts();
  for (auto& [name, value] : values_of(ended)) {
    const auto found = std::ranges::find(inherited_, name, &counter_values::value_type::first);
    if (found == inherited_.end())
      inherited_.emplace_back(name, value);
    else
      found->second += value;
  }
  balancer_setup setup = balancing(node_);
  setup.past = std::move(past);
  balancer_ = std::make_unique<balancer>(control_, std::move(setup));
  balancer_->start(shards_->session());
  if (drain_.is_draining()) balancer_->withdraw();
}

}  // namespace presenter::gateway
