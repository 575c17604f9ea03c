#include "gateway/control/server.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <csignal>
#include <ctime>
#include <future>
#include <random>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "base/paced_log.hpp"
#include "gateway/config/config_checks.hpp"
#include "gateway/control/publisher_choice.hpp"
#include "gateway/control/start.hpp"
#include "gateway/control/version.hpp"
#include "gateway/operate/guarded_run.hpp"
#include "gateway/operate/log_output.hpp"
#include "gateway/operate/openssl_memory.hpp"
#include "gateway/operate/process_counters.hpp"
#include "gateway/operate/service_manager.hpp"

namespace presenter::gateway {

namespace {

// For the last turns of a worker whose time is over, on a busy machine.
constexpr std::chrono::seconds worker_grace{10};

// How often the gateway looks whether it is ready for the first time.
constexpr std::chrono::milliseconds ready_interval{100};

}  // namespace

server::server(const config_result& loaded, const launch& how, std::optional<takeover> from)
    : settings_(loaded.value),
      from_(std::move(from)),
      started_at_(std::chrono::system_clock::now()),
      descriptors_max_(raise_descriptor_limit()),
      clients_max_(clients_max_of(settings_, descriptors_max_)),
      paces_(paces_of(settings_)),
      signals_(control_, SIGTERM, SIGINT),
      reload_signals_(control_, SIGHUP),
      upgrade_signals_(control_, SIGUSR2),
      node_(name_of_gateway(settings_, settings_.listen.address)),
      hooks_(control_, settings_.hooks, [this] { return subject(); }),
      ready_timer_(control_),
      tickets_(control_, settings_.tls),
      tls_(control_, settings_.tls),
      drain_(control_, settings_.drain, settle_of(settings_.dns), settings_.upstream.notice,
             record_, workers_, hooks_, node_, [this] { shut_down(); }),
      upgrade_(control_, settings_, how, workers_, node_,
               {.obstacle = [this] { return upgrade_obstacle(); },
                .process = [this] { return handed_over(); },
                .on_replaced = [this] { on_replaced(); }}),
      reload_timer_(control_),
      configuration_(settings_, loaded.places, node_, parts_of_config()),
      trimmer_(control_, [this] { return handshakes(); }),
      crowds_(control_, [this] { return metrics(); }) {
  if (!from_) run_starting_hooks();
  tell_capacity(settings_, clients_max_, descriptors_max_);
  const bool has_predecessor = !from_ && is_listened_on(settings_.listen.address);
  auto sockets = from_ ? adopt_listeners(from_->workers) : open_listeners(settings_);
  if (settings_.tls.early_data) early_data_ = std::make_unique<early_data_register>();
  if (settings_.listen.fast_open != 0 && !is_fast_open_allowed())
    spdlog::info("listen.fast_open: the kernel does not allow it, net.ipv4.tcp_fastopen is not 3");
  listen_endpoint_ = sockets.front().local_endpoint();
  if (from_)
    adopt_process();
  else
    node_ = node_name(settings_, listen_endpoint_);
  if (address_limits::is_needed(settings_.limits))
    addresses_ = std::make_unique<address_limits>(settings_.limits);
  make_workers(std::move(sockets));
  pages_ = std::make_unique<shard_pages>(control_, router_, workers_, node_, paces_,
                                         [this] { return shards_->held(); });
  admin_ = std::make_unique<admin_places>(control_, settings_.admin, node_, pages_content(),
                                          has_predecessor, from_ ? &from_->process : nullptr);
  shards_ = std::make_unique<shard_source>(control_, settings_.shards, router_);
  if (settings_.shards.remove_dead)
    dead_ = std::make_unique<dead_backends>(*shards_->session(), router_, workers_.size(),
                                            [this] { return links_up() != 0; });
  balancer_ = std::make_unique<balancer>(control_, balancing(node_));
  start_tickets();
  start_tls();
  openssl_without_clients_ = openssl_memory_bytes();
}

void server::make_workers(std::vector<listening_socket> sockets) {
  const std::size_t clients_per_worker = std::max<std::size_t>(1, clients_max_ / sockets.size());
  // Of this life of the gateway: tags are no others' even if its name is.
  const std::string life = fmt::format("{}-{:08x}", node_, std::random_device{}());
  const auto setup_of = [&](std::size_t i) -> worker_setup {
    return {
        .settings = settings_,
        .node = node_,
        .tag_stem = fmt::format("{}-{}", life, i),
        .tickets = tickets_.current(),
        .tls = tls_.current(),
        .clients_max = clients_per_worker,
        .descriptors_watermark = descriptors_watermark_of(descriptors_max_),
        .addresses = addresses_.get(),
        .paces = paces_,
        .held_bytes_max = static_cast<std::size_t>(settings_.moves.held_bytes_max) / sockets.size(),
        .news = news_of(i),
        .arrivals = &drain_.arrivals(),
        .early_data = early_data_.get()};
  };
  if (!from_) {
    for (std::size_t i = 0; i < sockets.size(); ++i)
      workers_.push_back(std::make_unique<worker>(setup_of(i), std::move(sockets[i])));
    return;
  }
  // At once, for clients wait.
  std::vector<std::future<std::unique_ptr<worker>>> adopting;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    adopting.push_back(std::async(std::launch::async, [&, i, setup = setup_of(i)] {
      return std::make_unique<worker>(setup, std::move(sockets[i]), std::move(from_->workers[i]));
    }));
  }
  for (auto& each : adopting)
    workers_.push_back(each.get());
}

admin_content server::pages_content() {
  return {
      .ready = [this] { return ready(); },
      .metrics = [this](exposition format) { return render_metrics(format); },
      .shards = [this](const admin_query&, const json_reply& reply) { pages_->shards(reply); },
      .whois = [this](const admin_query& query,
                      const json_reply& reply) { pages_->whois(query, reply); },
      .what_if = [this](const admin_query& query,
                        const json_reply& reply) { pages_->what_if(query, reply); },
      .drain = [this](const admin_query&, const json_reply& reply) { drain_.answer(reply); },
      .start_drain = [this](const admin_query& query,
                            const json_reply& reply) { drain_.start(query, reply); },
      .undo_drain = [this](const admin_query&, const json_reply& reply) { drain_.undo(reply); },
      .upgrade = [this](const admin_query&, const json_reply& reply) { upgrade_.answer(reply); },
      .start_upgrade = [this](const admin_query& query,
                              const json_reply& reply) { upgrade_.order(query, reply); },
      .balance = [this](const admin_query&,
                        const json_reply& reply) { reply({.body = balancer_->page()}); },
      .configuration = [this](const admin_query&,
                              const json_reply& reply) { configuration_.answer(reply); },
      .reload = [this](const admin_query&,
                       const json_reply& reply) { configuration_.reload("an order", reply); },
      .clients = [this](const admin_query& query,
                        const json_reply& reply) { client_pages_.list(query, reply); },
      .client = [this](const admin_query& query,
                       const json_reply& reply) { client_pages_.show(query, reply); },
      .close_client = [this](const admin_query& query,
                             const json_reply& reply) { client_pages_.close(query, reply); },
      .status = [this](const admin_query&, const json_reply& reply) { reply(answer_of(status())); },
      .top = [this](const admin_query& query,
                    const json_reply& reply) { top_page_.answer(query, reply); },
      .log_level = [this](const admin_query&,
                          const json_reply& reply) { reply(log_level_answer()); },
      .set_log_level = [this](const admin_query& query,
                              const json_reply& reply) { set_log_level(query, reply); },
      .ailments = [this] { return watchdog_ ? watchdog_->silent() : std::vector<std::string>(); },
      .events = [this] { return dashboard_.watch(); },
      .on_refused =
          [this](admin_refusal why) { ++admin_refusals_[static_cast<std::size_t>(why)]; }};
}

server::~server() {
  balancer_->stop();
  tickets_.stop();
}

std::optional<tcp_endpoint> server::admin_endpoint() const {
  return admin_->address();
}

// --- life

// Before anything else: what they prepare may be the address itself.
void server::run_starting_hooks() {
  std::optional<std::string> failure;
  hooks_.run(hook_event::starting, [&failure](const std::string& why) { failure = why; });
  signals_.async_wait([&failure](boost::system::error_code error, int) {
    if (!error) failure = "a signal has ended the start";
  });
  while (!failure)
    control_.run_one();
  hooks_.stop();
  signals_.cancel();
  control_.restart();
  control_.poll();  // the wait that was cancelled
  control_.restart();
  if (!failure->empty())
    throw std::runtime_error("hooks.directory: the start is given up: " + *failure);
}

hook_subject server::subject() const {
  const auto& listen = workers_.empty() ? settings_.listen.address : listen_endpoint_;
  const auto admin = workers_.empty() ? settings_.admin.address : admin_endpoint();
  return {node_, format_endpoint(listen), admin ? format_endpoint(*admin) : "", drain_.clients()};
}

// Once in a life: that a gateway is not ready for a while later is no new beginning.
void server::await_ready() {
  if (ready().is_ready()) return hooks_.run(hook_event::ready);
  ready_timer_.expires_after(ready_interval);
  ready_timer_.async_wait([this](boost::system::error_code error) {
    if (!error) await_ready();
  });
}

void server::make_threads() {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    try {
      workers_[i]->start(fmt::format("worker {}", i), events_of_worker());
    } catch (const std::system_error& error) {
      // Those that run already serve nobody yet, and end with this object.
      throw std::runtime_error(fmt::format(
          "workers.count: the thread of worker {} of {} cannot be made: {} (ulimit -u, TasksMax)",
          i + 1, workers_.size(), error.code().message()));
    }
  }
}

void server::start() {
  router_.subscribe([this](const auto& map) { on_map(map); });
  for (const auto& worker : workers_)
    worker->post_listen();
  if (from_)
    take_place();
  else
    shards_->start();
  balancer_->start(shards_->session());
  dashboard_.start();
  start_watchdog();
}

void server::start_watchdog() {
  std::vector<watchdog::ask> questions;
  for (const auto& each : workers_)
    questions.emplace_back(
        [&worker = *each](std::function<void()> answer) { worker.post_answer(std::move(answer)); });
  watchdog_.emplace(control_, watchdog_limit(from_.has_value()), std::move(questions));
}

worker_events server::events_of_worker() {
  return {[this] {
            has_failed_ = true;
            boost::asio::post(control_, [this] { shut_down(); });
          },
          [this] {
            const std::lock_guard lock(ends_mutex_);
            ++workers_ended_;
            worker_ended_.notify_one();
          }};
}

backend_news server::news_of(std::size_t worker) {
  if (!settings_.shards.remove_dead) return {};
  return [this, worker](const shard_router::backend_entry& of, bool is_up) {
    boost::asio::post(control_, [this, worker, of, is_up] {
      if (dead_ == nullptr) return;
      if (is_up) return dead_->on_link_up(worker, of);
      dead_->on_refused(worker, of);
    });
  };
}

// Each step whatever became of the one before: no failure may keep the process from ending.
bool server::run() {
  wait_signal();
  wait_reload();
  wait_upgrade_signal();
  if (!from_) await_ready();
  const auto attempt = [this](auto step) {
    if (!run_guarded("control thread", step)) has_failed_ = true;
  };
  attempt([this] { control_.run(); });
  attempt([this] { shut_down(); });
  attempt([this] {
    dead_.reset();
    shards_->stop();
  });
  attempt([this] {
    if (!wait_for_workers()) throw std::runtime_error("a worker does not end in its time");
    spdlog::info("all clients are closed");
  });
  return !has_failed_;
}

// The workers come first: their clients wait, and what follows may take its time. Control stays
// quiet from here on, and a second signal ends the process at once.
void server::shut_down() {
  if (is_ending_) return;
  upgrade_.give_up("the gateway ends");
  // What throws here is tried once more by run: to be told twice is no harm.
  for (const auto& worker : workers_)
    worker->post_shut_down(settings_.shutdown.timeout);
  is_ending_ = true;
  notify_service_manager("STOPPING=1");
  boost::system::error_code ignored;
  signals_.clear(ignored);
  let_signals_end();
  if (admin_ != nullptr) admin_->stop();
  tickets_.stop();
  tls_.stop();
  reload_timer_.cancel();
  drain_.stop();
  if (predecessor_) predecessor_->stop();
  hooks_.stop();
  balancer_->stop();
  if (watchdog_) watchdog_->stop();
  dashboard_.stop();
  control_.stop();
}

// A worker cuts what is left when its time is over: more than that is a fault.
bool server::wait_for_workers() {
  const auto until = std::chrono::steady_clock::now() + settings_.shutdown.timeout + worker_grace;
  std::unique_lock lock(ends_mutex_);
  const bool have_ended =
      worker_ended_.wait_until(lock, until, [this] { return workers_ended_ == workers_.size(); });
  lock.unlock();
  if (!have_ended) return false;
  for (const auto& worker : workers_)
    worker->join();
  return true;
}

void server::wait_signal() {
  signals_.async_wait([this](boost::system::error_code error, int signal) {
    if (!error) on_stop_signal(signal);
  });
}

void server::on_stop_signal(int signal) {
  if (upgrade_.is_under_way()) upgrade_.give_up(signal == SIGTERM ? "SIGTERM" : "SIGINT");
  if (signal == SIGTERM && drain_.take_sigterm()) {
    notify_service_manager("STOPPING=1");
    return wait_signal();
  }
  spdlog::info(fmt::format("{}: closing", signal == SIGTERM ? "SIGTERM" : "SIGINT"));
  shut_down();
}

// All workers or none: what could fail comes first.
void server::start_tls() {
  tls_.start([this](const tls_files_ptr& files) {
    std::vector<tls_contexts_ptr> made;
    for (const auto& worker : workers_)
      made.push_back(worker->make_tls(settings_, files));
    for (std::size_t i = 0; i < workers_.size(); ++i)
      workers_[i]->post_tls(std::move(made[i]));
  });
}

void server::start_tickets() {
  const bool has_identity = settings_.shards.zookeeper_auth_file.has_value();
  tickets_.start(has_identity ? shards_->session() : nullptr, [this](const ticket_ring_ptr& ring) {
    for (const auto& worker : workers_)
      worker->post_tickets(ring);
  });
}

void server::on_map(const upstream_pool::map_ptr& map) {
  for (const auto& worker : workers_)
    worker->post_map(map);
}

// --- balance

balancer_setup server::balancing(std::string node) {
  // It names a znode.
  std::ranges::replace(node, '/', '-');
  dns_config dns = settings_.dns;
  const auto& listening = settings_.listen.address.address();
  if (dns.addresses.empty() && !listening.is_unspecified()) dns.addresses.push_back(listening);
  return {.name = std::move(node),
          .dns = std::move(dns),
          .balance = settings_.balance,
          .cores = core_count(),
          .look = [this] { return load(); },
          .make_publisher = publisher_of(control_, settings_.dns),
          .close_clients =
              [this](std::int64_t count) {
                drain_.close_clients(count, close_reason::rebalanced_away,
                                     settings_.upstream.notice);
              },
          .past = past()};
}

// Descriptors are not counted one by one, which takes as long as there are many: almost all of them
// are clients.
gateway_load server::load() const {
  gateway_load now;
  for (const auto& worker : workers_) {
    const auto& open = worker->metrics().clients_open;
    for (std::size_t i = 0; i < decltype(worker_metrics::clients_open)::size; ++i)
      now.clients += open.at_index(i).value();
    now.handshake_backlog += open[client_phase::handshake].value();
  }
  now.clients_max = static_cast<std::int64_t>(clients_max_);
  now.descriptors = static_cast<double>(now.clients) / static_cast<double>(descriptors_max_);
  const auto certificates = tls_.facts().certificates;
  const bool is_certificate_valid =
      !certificates.empty() && certificates.front().expires > std::time(nullptr);
  now.is_ready = is_certificate_valid && able().is_ready();
  return now;
}

// --- pages

std::size_t server::links_up() const {
  std::int64_t up = 0;
  for (const auto& worker : workers_)
    up += worker->metrics().links_up.value();
  return static_cast<std::size_t>(std::max<std::int64_t>(up, 0));
}

handshake_counts server::handshakes() const {
  handshake_counts all;
  for (const auto& worker : workers_) {
    const worker_metrics& metrics = worker->metrics();
    for (const auto phase :
         {client_phase::handshake, client_phase::first_packet, client_phase::opening})
      all.arriving += metrics.clients_open[phase].value();
    for (const auto kind : {handshake_kind::full, handshake_kind::resumed, handshake_kind::failed})
      all.ended += metrics.handshakes[kind].value();
    for (std::size_t i = 0; i < decltype(metrics.closes)::size; ++i)
      all.ended += metrics.closes.at_index(i).value();
  }
  return all;
}

readiness server::ready() const {
  readiness state = able();
  if (drain_.is_draining()) state.missing.insert(state.missing.begin(), "draining");
  return state;
}

// Those who come can be served, whether anybody is to be sent here or not.
readiness server::able() const {
  readiness state;
  const auto& map = router_.current();
  if (is_ending_) state.missing.push_back("the gateway is shutting down");
  if (map == nullptr || map->backends().empty()) {
    state.missing.push_back("no shard map names a backend");
    if (settings_.shards.zookeeper && !shards_->facts().is_connected)
      state.missing.push_back("ZooKeeper is not connected");
  } else if (links_up() == 0) {
    state.missing.push_back("no link to any backend is up");
  }
  state.notes = crowds_.notes();
  return state;
}

std::vector<const worker_metrics*> server::metrics() const {
  std::vector<const worker_metrics*> all;
  for (const auto& worker : workers_)
    all.push_back(&worker->metrics());
  return all;
}

std::string server::render_metrics(exposition format) const {
  return render_prometheus(metrics(), facts(), format);
}

process_facts server::facts() const {
  process_facts facts;
  facts.version = version;
  facts.started_at = started_at_;
  facts.log_lines_dropped = log_lines_dropped;
  facts.each_backend.listed_max = settings_.metrics.backends_max;
  for (const auto& each : workers_) {
    for (const auto& [name, gauges] : each->shown_backends())
      facts.each_backend.all[name] += gauges;
  }
  if (const auto& map = router_.current()) {
    facts.map_epoch = map->epoch();
    facts.backends = map->backends().size();
  }
  facts.zookeeper = shards_->facts();
  if (dead_ != nullptr) facts.removals = dead_->counts();
  facts.tickets = tickets_.facts();
  facts.certificates = tls_.facts();
  facts.configuration = configuration_.facts();
  facts.balance = balancer_->facts();
  facts.is_ready = able().is_ready();
  facts.clients_max = clients_max_;
  facts.moves = paces_;
  facts.hooks = hooks_.facts();
  facts.drain = drain_.facts();
  facts.memory.openssl = openssl_memory_bytes();
  facts.memory.openssl_without_clients = openssl_without_clients_;
  facts.memory.trims = trimmer_.trims();
  facts.memory.handshakes_since_trim = trimmer_.handshakes_since();
  worker::fill_sizes(facts.memory);
  facts.admin_refusals = admin_refusals_;
  for (std::size_t result = 0; result < facts.upgrades.size(); ++result)
    facts.upgrades[result] = upgrade_.count(static_cast<upgrade_result>(result));
  add_values(facts, inherited_);
  return facts;
}

}  // namespace presenter::gateway
