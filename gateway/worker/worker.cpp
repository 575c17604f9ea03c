#include "gateway/worker/worker.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <new>
#include <random>
#include <utility>
#include <vector>

#include "base/paced_log.hpp"
#include "gateway/operate/guarded_run.hpp"

namespace presenter::gateway {
namespace asio = boost::asio;

namespace {

// Handshakes have one step in each turn of the loop, or as many as fit into this: established
// clients come first, and wait for one step at the most.
constexpr std::chrono::microseconds handshake_budget{100};

// The same of clients between two backends, who do not talk at the moment.
constexpr std::chrono::microseconds moves_budget{200};

// For this long the worker waits for clients and links alone. Then, or when traffic pauses for
// longer, it lets Asio look at the rest: timers, work from other threads, links that are being
// connected.
constexpr std::chrono::milliseconds serve_time{10};

// Streams that are compared with a new map in one turn of the loop: some 0.1 ms.
constexpr std::size_t looks_per_turn = 512;

// Clients that are compared when some are to be closed, and for each of these.
constexpr std::size_t idle_sample_min = 512;
constexpr std::size_t idle_sample_for_each = 4;

// For frames that are still to leave when the links close at the end.
constexpr std::chrono::milliseconds link_linger{500};

// How much longer a failed worker may take: its timers may have stopped, so this is more than a
// tick.
constexpr std::chrono::milliseconds failure_linger{500};

// A tick that is so much late says that the process stood still, or its machine: no client has been
// heard meanwhile, whatever it said.
constexpr std::chrono::seconds standstill_min{1};

}  // namespace

worker::worker(const worker_setup& setup, listening_socket socket)
    : settings_(setup.settings),
      tickets_(setup.tickets, setup.node, metrics_),
      tls_(make_tls(setup.settings, setup.tls)),
      work_(io_.get_executor()),
      tick_(io_),
      polls_(io_),
      deadlines_(std::chrono::steady_clock::now()),
      handshakes_([this] { post_turns(); }),
      relays_([this] { post_turns(); }),
      moves_([this] { post_turns(); }),
      relaying_(settings_, metrics_),
      room_(handoff_limits::at(setup.paces.handoffs, setup.held_bytes_max)),
      output_([this] { post_turns(); }),
      upstream_(
          io_, settings_, setup.node, metrics_, own_thread_, {polls_, output_},
          [this] { relaying_.batch.flush(); }, [this] { mover_.on_reachable(); }, setup.news),
      mover_({.paces = setup.paces, .left_grace = settings_.moves.left_grace},
             std::random_device{}(), metrics_, [this] { post_turns(); }),
      move_timer_(io_),
      context_{.settings = settings_,
               .metrics = metrics_,
               .thread = own_thread_,
               .tls = tls_,
               .polls = polls_,
               .deadlines = deadlines_,
               .handshakes = handshakes_,
               .relays = relays_,
               .moves = moves_,
               .io = tls_io_,
               .upstream = upstream_,
               .mover = mover_,
               .relaying = relaying_,
               .opened = opened_,
               .room = room_,
               .owner = *this,
               .arrivals = setup.arrivals,
               .tag_stem = setup.tag_stem},
      admission_(setup.addresses, metrics_),
      listener_(std::move(socket), polls_, deadlines_, metrics_,
                {.clients_max = setup.clients_max,
                 .clients_open = [this] { return clients_.size(); },
                 .is_busy = [this] { return !handshakes_.empty(); },
                 .descriptors_watermark = setup.descriptors_watermark},
                [this](int client, const tcp_endpoint& peer) { on_accepted(client, peer); }) {
  if (setup.early_data == nullptr) return;
  early_data_.emplace(*setup.early_data, metrics_);
  take_early_data(settings_, *tls_);
}

worker::~worker() {
  if (thread_.joinable()) post_shut_down({});
  join();
  clients_.clear();
}

void worker::start(std::string name, worker_events events) {
  name_ = std::move(name);
  events_ = std::move(events);
  thread_ = std::thread([this] { run(); });
}

void worker::join() {
  if (thread_.joinable()) thread_.join();
}

void worker::post_listen() {
  post([this] {
    resume_adopted();
    listener_.start();
    begin_serving();
  });
}

void worker::begin_serving() {
  own_thread_.assert_on_worker();
  polls_.start([this] { serve(); });
  wait_tick();
}

void worker::run() {
  name_thread(name_);
  own_thread_.enter();
  if (!run_guarded(name_, [this] { io_.run(); })) {
    events_.on_failed();
    run_guarded(name_, [this] { end_after_failure(); });
  }
  own_thread_.leave();
  events_.on_ended();
}

// Nobody knows how far the callback had come that threw. Timers and waiting may have stopped with
// it. They are begun again, so that clients are closed cleanly and the thread ends. If that does
// not work either, the time limit ends it.
void worker::end_after_failure() {
  is_serving_ = is_serve_posted_ = false;
  begin_serving();
  shut_down(settings_.shutdown.timeout);
  io_.run_until(cut_at_ + failure_linger);
}

void worker::wait_tick() {
  tick_.expires_after(deadline_wheel::tick);
  tick_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    notice_standstill();
    deadlines_.advance(std::chrono::steady_clock::now());
    upstream_.sweep();
    close_announced();
    show_memory();
    record_presences();
    show_backends();
    if (is_shutting_down_) step_shut_down();
    if (!io_.stopped()) wait_tick();
  });
}

// The deadlines stand still as well, and what the clients have sent meanwhile is read before the
// next of them. Not twice in a row: a worker that is late all the time must get somewhere.
steady_time worker::notice_standstill() {
  const auto now = std::chrono::steady_clock::now();
  const auto late = now - deadlines_.now();
  if (late < standstill_min || deadlines_.now() - skipped_to_ < standstill_min) return now;
  deadlines_.skip(late);
  skipped_to_ = deadlines_.now();
  return now;
}

void worker::fill_sizes(memory_facts& facts) {
  facts.records = sizeof(detached_session);
  facts.session = sizeof(client_session) - facts.records;
  facts.stream = protocol::stream_table::stream_bytes();
}

void worker::show_memory() {
  const auto show = [this](memory_part part, std::size_t bytes) {
    metrics_.memory[part].set(static_cast<std::int64_t>(bytes));
  };
  const std::size_t sessions = clients_.memory_bytes();
  const std::size_t records = sessions / sizeof(client_session) * sizeof(detached_session);
  show(memory_part::sessions, sessions - records);
  show(memory_part::records, records);
  show(memory_part::streams, upstream_.memory_bytes());
  show(memory_part::openings, opened_.memory_bytes());
  show(memory_part::deposits, opened_.deposit_bytes());
  metrics_.handoff_held_bytes.set(static_cast<std::int64_t>(room_.bytes()));
  const std::size_t shared =
      receive_buffer::bytes_max + tls_io::sealed_bytes_max + relaying_.scratch.size();
  const auto growing = std::max<std::int64_t>(byte_buffer::live_bytes(), 0);
  show(memory_part::buffers, shared + static_cast<std::size_t>(growing));
  metrics_.openssl_sessions.set(tls_io_.openssl_sessions);
}

// One round over all clients, some in each turn, for those that have records: no timer for each.
void worker::record_presences() {
  const auto interval = settings_.log.clients_interval;
  if (interval == duration::zero() || settings_.log.clients == 0 || is_shutting_down_) return;
  const auto now = deadlines_.now();
  if (presences_due_ && now < *presences_due_) return;
  if (presences_due_) {
    surveys_.add(surveys::make([](client_session& client) { client.record_presence(); }, [] {}));
    post_turns();
  }
  presences_due_ = now + interval;
}

// Nobody asks more often for them than once a second. No more of them are looked at than are
// listed: a fleet of thousands must not hold the clients up.
void worker::show_backends() {
  const std::size_t listed_max = settings_.metrics.backends_max;
  if (listed_max == 0) return;
  if (deadlines_.now() - backends_shown_at_ < std::chrono::seconds(1)) return;
  backends_shown_at_ = deadlines_.now();
  backends_by_name all;
  for (const auto& [name, use] : upstream_.uses(listed_max))
    all[name] = {use.streams, use.links_up, use.links_suspect};
  shown_backends_.show(std::move(all));
}

// --- turns

// While there is traffic the worker stays here and waits on its own set, which is half the system
// calls of a wait by Asio on that set.
void worker::serve() {
  const auto end = std::chrono::steady_clock::now() + serve_time;
  std::chrono::milliseconds left{0};
  bool was_interrupted = false;
  is_serving_ = true;
  do {
    was_interrupted = !polls_.take_batch(are_turns_due_ ? std::chrono::milliseconds{0} : left);
    // A wait that has brought nothing is no turn.
    const bool has_work = are_turns_due_ || polls_.has_batch();
    const auto began = notice_standstill();
    dispatch_batch();
    relaying_.timer.on_flushed();
    if (are_turns_due_) {
      run_turns();
      relaying_.timer.on_flushed();
    }
    bury();
    const auto now = std::chrono::steady_clock::now();
    if (has_work) metrics_.turns.observe(now - began);
    left = std::chrono::ceil<std::chrono::milliseconds>(end - now);
  } while (!was_interrupted && left > std::chrono::milliseconds{0});
  is_serving_ = false;
  if (are_turns_due_) post_serve();
}

void worker::dispatch_batch() {
  const protocol::output_batch::scope scope(output_);
  polls_.dispatch_batch();
}

void worker::post_serve() {
  if (is_serving_ || std::exchange(is_serve_posted_, true)) return;
  asio::post(io_, [this] {
    is_serve_posted_ = false;
    serve();
  });
}

void worker::post_turns() {
  are_turns_due_ = true;
  post_serve();
}

void worker::run_turns() {
  const protocol::output_batch::scope scope(output_);
  are_turns_due_ = false;
  relays_.run_all();
  if (!handshakes_.empty()) handshakes_.run_for(handshake_budget);
  if (!moves_.empty()) moves_.run_for(moves_budget);
  look_for_moves();
  step_survey();
  if (!handshakes_.empty() || !relays_.empty() || !moves_.empty()) post_turns();
}

// --- moves

void worker::look_for_moves() {
  const auto now = std::chrono::steady_clock::now();
  if (mover_.look(looks_per_turn, now)) return post_turns();
  if (is_shutting_down_) return;
  mover_.move_due(now);
  wait_move();
}

void worker::wait_move() {
  const auto next = mover_.next_move();
  if (!next || is_shutting_down_ || (move_awaited_ && *move_awaited_ <= *next)) return;
  // The rest of a crowd.
  if (*next <= std::chrono::steady_clock::now()) return post_turns();
  move_awaited_ = next;
  move_timer_.expires_at(*next);  // cancels the wait before
  move_timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    move_awaited_.reset();
    const protocol::output_batch::scope scope(output_);
    look_for_moves();
  });
}

// --- clients

void worker::on_accepted(int descriptor, const tcp_endpoint& peer) {
  auto claim = admission_.admit(descriptor, peer, std::chrono::steady_clock::now());
  if (claim) begin_client(descriptor, peer, std::move(*claim));
}

void worker::begin_client(int descriptor, const tcp_endpoint& peer, address_claim claim) {
  client_session* session = nullptr;
  try {
    session = &clients_.make(context_, descriptor, peer, std::move(claim));
  } catch (const std::bad_alloc&) {
    // This client is lost; those that are here go on.
    metrics_.accept_failures.add();
    log_paced(memory_said_, spdlog::level::err, "no memory for a client");
    ::close(descriptor);
    return;
  }
  session->start();
}

void worker::on_session_over(client_session& session) {
  own_thread_.assert_on_worker();
  clients_.mark_over(session);
  if (announced_.forget(session)) show_announced();
  post_serve();
}

void worker::bury() {
  if (clients_.bury()) listener_.resume();
}

void worker::step_survey() {
  surveys_.step(clients_);
  if (!surveys_.empty()) post_turns();
}

// --- from other threads

void worker::post(std::function<void()> work) {
  asio::post(io_, std::move(work));
  polls_.interrupt();
}

void worker::post_map(upstream_pool::map_ptr map) {
  post([this, map = std::move(map)]() mutable {
    metrics_.map_epoch.set(static_cast<std::int64_t>(map->epoch()));
    upstream_.set_map(map);
    mover_.set_map(std::move(map), std::chrono::steady_clock::now());
  });
}

void worker::post_tickets(ticket_ring_ptr tickets) {
  post([this, tickets = std::move(tickets)]() mutable { tickets_.set_ring(std::move(tickets)); });
}

tls_contexts_ptr worker::make_tls(const config& settings, const tls_files_ptr& files) {
  auto made = std::make_shared<const tls_contexts>(settings.tls, files, tickets_);
  if (early_data_) take_early_data(settings, *made);
  return made;
}

void worker::take_early_data(const config& settings, const tls_contexts& contexts) {
  // The first packet with its length; what else a client sends early has to fit beside it. A client
  // keeps what the context it began with says of early data.
  early_data_->attach(contexts.front(),
                      static_cast<std::uint32_t>(settings.auth.packet_bytes_max + 4));
}

void worker::post_config(worker_change change, std::function<void()> done) {
  post([this, change = std::move(change), done = std::move(done)]() mutable {
    change_config(change);
    done();
  });
}

void worker::change_config(worker_change& change) {
  own_thread_.assert_on_worker();
  const protocol::output_batch::scope scope(output_);
  settings_ = *change.settings;
  presences_due_.reset();  // of another interval
  tls_ = std::move(change.tls);
  admission_.set_limits(change.addresses);
  room_.set_limits(handoff_limits::at(change.paces.handoffs, change.held_bytes_max));
  listener_.change(change.clients_max, settings_.listen.backlog, settings_.clients,
                   settings_.listen.fast_open);
  mover_.set_rules({.paces = change.paces, .left_grace = settings_.moves.left_grace},
                   std::chrono::steady_clock::now());
  upstream_.match_links();
}

void worker::post_tls(tls_contexts_ptr contexts) {
  post([this, contexts = std::move(contexts)]() mutable { tls_ = std::move(contexts); });
}

void worker::post_survey(std::function<void(const client_session&)> visit,
                         std::function<void()> done) {
  post_made(surveys::make(std::move(visit), std::move(done)));
}

void worker::post_close_wanted(std::function<bool(const client_session&)> is_wanted,
                               close_reason reason, std::function<void(std::size_t)> done) {
  const auto closed = std::make_shared<std::size_t>(0);
  post_made(surveys::make(
      [is_wanted = std::move(is_wanted), reason, closed](client_session& client) {
        if (is_wanted(client) && client.close_by_order(reason)) ++*closed;
      },
      [done = std::move(done), closed] { done(*closed); }));
}

void worker::post_made(surveys::made&& one) {
  post([this, one = std::move(one)]() mutable {
    surveys_.add(std::move(one));
    post_turns();
  });
}

void worker::post_close_idle(std::size_t count, close_reason reason, duration ahead) {
  post([this, count, reason, ahead] { close_idle(count, reason, ahead); });
}

// To look at all of a hundred thousand clients in one turn would hold up those who talk. A client
// that ends here may take others with it; all of them stay in memory until the turn is over.
void worker::close_idle(std::size_t count, close_reason reason, duration ahead) {
  own_thread_.assert_on_worker();
  const protocol::output_batch::scope scope(output_);
  const std::size_t sample =
      std::min(clients_.size(), std::max(idle_sample_min, idle_sample_for_each * count));
  std::vector<client_session*> served;
  for (std::size_t i = 0; i < sample; ++i) {
    client_session* const next = clients_.next_in_round();
    if (next->is_served() && !announced_.contains(*next)) served.push_back(next);
  }
  const std::size_t closed = std::min(count, served.size());
  std::partial_sort(served.begin(), served.begin() + static_cast<std::ptrdiff_t>(closed),
                    served.end(), [](const client_session* a, const client_session* b) {
                      return a->idle_since() < b->idle_since();
                    });
  const steady_time at = std::chrono::steady_clock::now() + ahead;
  for (std::size_t i = 0; i < closed; ++i) {
    client_session& next = *served[i];
    if (!next.is_served()) continue;
    if (ahead > duration{0} && next.announce_close(reason, ahead)) {
      announced_.add(next, reason, at);
      metrics_.notices.add();
    } else {
      next.close_served(reason);
    }
  }
  show_announced();
}

void worker::close_announced() {
  if (announced_.size() == 0) return;
  const protocol::output_batch::scope scope(output_);
  announced_.close_due(std::chrono::steady_clock::now(),
                       [](client_session& client, close_reason reason) {
                         if (client.is_served()) client.close_served(reason);
                       });
  show_announced();
}

void worker::post_keep_announced(close_reason reason) {
  post([this, reason] {
    announced_.take_back(reason);
    show_announced();
  });
}

void worker::show_announced() {
  metrics_.clients_announced.set(static_cast<std::int64_t>(announced_.size()));
}

void worker::post_answer(std::function<void()> answer) {
  post(std::move(answer));
}

void worker::post_visit_links(std::function<void(const upstream_pool&)> visit) {
  post([this, visit = std::move(visit)] { visit(upstream_); });
}

void worker::post_shut_down(duration within) {
  post([this, within] { shut_down(within); });
}

void worker::shut_down(duration within) {
  own_thread_.assert_on_worker();
  if (std::exchange(is_shutting_down_, true)) return;
  cut_at_ = std::chrono::steady_clock::now() + within;
  move_timer_.cancel();
  listener_.stop();
  clients_.visit_all([](client_session& client) { client.shut_down(); });
  step_shut_down();
}

void worker::step_shut_down() {
  const bool is_time_over = std::chrono::steady_clock::now() >= cut_at_;
  if (!clients_.empty() && !is_time_over) return;
  if (!std::exchange(are_links_shut_down_, true)) upstream_.shut_down(link_linger);
  if (!upstream_.is_empty() && !is_time_over) return;
  polls_.stop();
  work_.reset();
  io_.stop();
}

}  // namespace presenter::gateway
