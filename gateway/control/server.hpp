// The gateway process: workers, the shard map's source, the admin endpoint, and the order in which
// they start and end.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "gateway/balance/balancer.hpp"
#include "gateway/config/config.hpp"
#include "gateway/control/admin_places.hpp"
#include "gateway/control/client_pages.hpp"
#include "gateway/control/config_control.hpp"
#include "gateway/control/dashboard_feed.hpp"
#include "gateway/control/dead_backends.hpp"
#include "gateway/control/drain_control.hpp"
#include "gateway/control/launch.hpp"
#include "gateway/control/own_record.hpp"
#include "gateway/control/predecessor.hpp"
#include "gateway/control/shard_pages.hpp"
#include "gateway/control/shard_source.hpp"
#include "gateway/control/ticket_source.hpp"
#include "gateway/control/tls_source.hpp"
#include "gateway/control/top_page.hpp"
#include "gateway/control/upgrade_control.hpp"
#include "gateway/hooks/hook_runner.hpp"
#include "gateway/operate/crowd_watch.hpp"
#include "gateway/operate/memory_trimmer.hpp"
#include "gateway/operate/watchdog.hpp"
#include "gateway/worker/worker.hpp"

namespace presenter::gateway {

// Life: main's. Confined to: the thread that calls run, the control thread.
// An exception on any thread ends all the others in order: see gateway/README.md, Failures.
class server {
 public:
  // Runs the hooks of `starting`, then opens the listeners and the admin endpoint. Throws
  // std::exception whose text names what is in the way. `how` outlives this object.
  // `from`: goes on with what another process hands over. Then no hook runs, nothing of it is read,
  // written or connected before start, and after an exception the process is to end without
  // destroying anything.
  server(const config_result& loaded, const launch& how, std::optional<takeover> from = {});
  ~server();

  // Makes the threads of all workers or throws std::runtime_error, as above. They serve nobody yet.
  void make_threads();
  // What is handed over is this process's: the answer to `adopted`. False: it is not.
  bool await_handover();
  // Begins to serve. Once, after make_threads.
  void start();

  tcp_endpoint listen_endpoint() const { return listen_endpoint_; }
  // Nothing: no admin endpoint is configured.
  std::optional<tcp_endpoint> admin_endpoint() const;

  // At SIGHUP the configuration and the files that it names are read again. Serves until SIGTERM or
  // SIGINT, then closes cleanly within shutdown.timeout. A second signal ends the process at once.
  // With [drain] the first SIGTERM drains, and a further one closes. False: a thread has failed,
  // and the others were ended for that. What it left half done is not to be taken apart: the
  // process is to end without destroying this object.
  bool run();

 private:
  void wait_signal();
  config_parts parts_of_config();
  void wait_reload();
  void apply(const config& next, read_config& read, std::function<void()> done);
  void renew_balancer(balancer_past past);
  void shut_down();
  bool wait_for_workers();
  worker_events events_of_worker();
  backend_news news_of(std::size_t worker);
  void run_starting_hooks();
  void await_ready();
  void start_watchdog();
  void on_stop_signal(int signal);
  hook_subject subject() const;
  void start_tickets();
  void start_tls();
  void make_workers(std::vector<listening_socket> sockets);
  admin_content pages_content();
  nlohmann::json status() const;
  nlohmann::json sample() const;     // what the dashboard is told each second
  nlohmann::json keys_page() const;  // and now and then
  dashboard_sources what_is_shown();
  json_answer log_level_answer() const;
  void set_log_level(const admin_query& query, const json_reply& reply);
  process_facts facts() const;
  std::string upgrade_obstacle() const;
  process_state handed_over();
  void on_replaced();
  void wait_upgrade_signal();
  void adopt_process();
  std::optional<balancer_past> past() const;
  void take_place();
  void on_map(const upstream_pool::map_ptr& map);
  balancer_setup balancing(std::string node);
  gateway_load load() const;

  readiness ready() const;
  readiness able() const;
  std::string render_metrics(exposition format) const;
  std::size_t links_up() const;
  handshake_counts handshakes() const;
  std::vector<const worker_metrics*> metrics() const;  // of each worker

  config settings_;               // in force; others refer to it
  std::optional<takeover> from_;  // nothing: the gateway's first process
  const std::chrono::system_clock::time_point started_at_;
  const std::uint64_t descriptors_max_;
  std::size_t clients_max_;
  move_paces paces_;  // of each worker
  boost::asio::io_context control_{1};
  boost::asio::signal_set signals_;
  boost::asio::signal_set reload_signals_;
  boost::asio::signal_set upgrade_signals_;
  std::string node_;  // this gateway's name
  hook_runner hooks_;
  boost::asio::steady_timer ready_timer_;
  ticket_source tickets_;
  tls_source tls_;
  tcp_endpoint listen_endpoint_;
  std::unique_ptr<balancer> balancer_;
  own_record record_{balancer_};
  drain_control drain_;
  upgrade_control upgrade_;
  std::optional<predecessor> predecessor_;
  counter_values inherited_;                         // what the processes before had counted
  std::unique_ptr<address_limits> addresses_;        // nullptr: none are set
  std::unique_ptr<early_data_register> early_data_;  // nullptr: none is taken
  // What workers tell; outlives them.
  std::atomic<bool> has_failed_{false};  // some thread
  std::mutex ends_mutex_;
  std::condition_variable worker_ended_;
  std::size_t workers_ended_ = 0;  // guarded by ends_mutex_
  std::vector<std::unique_ptr<worker>> workers_;
  shard_router::router router_;
  std::unique_ptr<shard_pages> pages_;
  dashboard_feed dashboard_{control_, what_is_shown()};
  client_pages client_pages_{control_, router_, workers_, node_};
  top_page top_page_{control_, workers_, [this] { return status(); }};
  std::unique_ptr<admin_places> admin_;
  std::array<std::uint64_t, admin_refusal_names.size()> admin_refusals_{};
  std::unique_ptr<shard_source> shards_;
  std::unique_ptr<dead_backends> dead_;  // nullptr: none is removed
  boost::asio::steady_timer reload_timer_;
  bool is_reload_due_ = false;  // by SIGHUP
  std::chrono::steady_clock::time_point reloaded_at_{};
  config_control configuration_;
  memory_trimmer trimmer_;
  crowd_watch crowds_;
  std::optional<watchdog> watchdog_;  // from start() on
  std::int64_t openssl_without_clients_ = 0;
  log_pace levels_said_{10};
  log_pace tokens_said_{10};
  log_pace parent_said_;
  bool is_ending_ = false;
};

}  // namespace presenter::gateway
