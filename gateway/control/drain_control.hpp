// The drain of this gateway: joins the drainer with the workers, the hooks, the pages of [admin]
// and the service manager.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateway/accept/arrival_watch.hpp"
#include "gateway/config/config.hpp"
#include "gateway/drain/drainer.hpp"
#include "gateway/drain/record_keeper.hpp"
#include "gateway/hooks/hook_runner.hpp"
#include "gateway/operate/admin_pages.hpp"
#include "gateway/worker/worker.hpp"

namespace presenter::gateway {

// Life: the server's; outlives the workers, but for what it asks of them on the control thread.
// Confined to: the control thread.
class drain_control {
 public:
  using workers = std::vector<std::unique_ptr<worker>>;

  // `record`: who has ours in DNS; caches keep it for `settle`, 0: there is none. Backends are told
  // `notice` ahead that a client will be closed. `on_drained`: the process is to end. `name`: of
  // this gateway, for the pages. All outlive this object.
  drain_control(boost::asio::io_context& control, const drain_config& settings, duration settle,
                duration notice, record_keeper& record, const workers& workers, hook_runner& hooks,
                const std::string& name, std::function<void()> on_drained);

  // One SIGTERM is an order to drain if [drain] is there, also for a gateway that drains already. A
  // second one is in a hurry. False: the process is to end.
  bool take_sigterm();

  // Of [admin].
  void answer(const json_reply& reply) const;
  void start(const admin_query& query, const json_reply& reply);
  void undo(const json_reply& reply);

  // See drainer.
  void set_times(duration settle, duration notice) { drainer_.set_times(settle, notice); }

  bool is_draining() const { return drainer_.state() != drain_state::up; }
  drain_facts facts() const { return drainer_.facts(); }
  // Where the workers tell who has come.
  arrival_watch& arrivals() { return arrivals_; }
  // In every phase.
  std::int64_t clients() const;
  // So many of all workers', those who have been silent for longest.
  void close_clients(std::int64_t count, close_reason reason, duration ahead) const;
  void stop() { drainer_.stop(); }

 private:
  std::int64_t clients_staying() const;
  drain_parts parts(hook_runner& hooks, std::function<void()> on_drained);

  const drain_config& settings_;
  const workers& workers_;
  const std::string& name_;
  bool has_taken_sigterm_ = false;
  arrival_watch arrivals_;
  drainer drainer_;
};

}  // namespace presenter::gateway
