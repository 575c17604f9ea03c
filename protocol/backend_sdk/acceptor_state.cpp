#include "protocol/backend_sdk/acceptor_state.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <cassert>
#include <cerrno>
#include <limits>
#include <sstream>
#include <utility>
#include <vector>

#include "protocol/backend_sdk/stream_errc.hpp"

namespace presenter::protocol {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

std::optional<std::int32_t> to_wire_ms(std::optional<std::chrono::milliseconds> delay) {
  if (!delay) return std::nullopt;
  constexpr std::int64_t max = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(delay->count(), 0, max));
}

// Asio has no name for this option.
void share_port(int listener) {
  const int on = 1;
  if (::setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) return;
  throw boost::system::system_error(errno, boost::system::system_category(), "SO_REUSEPORT");
}

refuse_frame to_frame(stream_id stream, const refusal& refusal) {
  return {stream, refusal.reason, refusal.map_epoch, to_wire_ms(refusal.retry_after)};
}

}  // namespace

acceptor_state::acceptor_state(asio::io_context& context, const asio::ip::tcp::endpoint& endpoint,
                               acceptor_options options)
    : acceptor_port(context.get_executor()),
      operation_owner(context),
      options_(std::move(options)),
      listener_(get_executor()),
      pause_(get_executor()),
      drain_deadline_(get_executor()),
      held_(get_executor(), options_, *this),
      sweeper_(get_executor(), options_) {
  listen(endpoint);
}

void acceptor_state::listen(const asio::ip::tcp::endpoint& endpoint) try {
  listener_.open(endpoint.protocol());
  listener_.set_option(asio::socket_base::reuse_address(true));
  if (options_.shares_port) share_port(listener_.native_handle());
  listener_.bind(endpoint);
  listener_.listen();
  local_ = listener_.local_endpoint();
} catch (const boost::system::system_error& failed) {
  // What Asio says names no address, and a program may have many.
  std::ostringstream what;
  what << "cannot listen on " << endpoint;
  throw boost::system::system_error(failed.code(), what.str());
}

// Before the io_context runs every thread may call; then only the one that runs it.
bool acceptor_state::is_on_own_thread() {
  const auto here = std::this_thread::get_id();
  const bool is_first = thread_ == std::thread::id();
  if (is_first && get_executor().running_in_this_thread()) thread_ = here;
  return is_first || thread_ == here;
}

// --- links

void acceptor_state::start() {
  listener_.async_accept([self = shared_from_this()](error_code error, link_socket socket) {
    if (!self->listener_.is_open()) return;
    if (!self->is_on_own_thread()) return self->refuse_thread();
    if (error) return self->pause_accepting();
    self->add_link(std::move(socket));
    self->start();
  });
}

// Two threads in here would corrupt each other's work: the link is not taken, and the program hears
// why.
void acceptor_state::refuse_thread() {
  if (accept_) complete(accept_, error_code(stream_errc::wrong_thread), mux_stream());
  start();
}

void acceptor_state::pause_accepting() {
  ++counters_.accept_errors;
  pause_.expires_after(options_.accept_pause);
  pause_.async_wait([self = shared_from_this()](error_code error) {
    if (!error && self->listener_.is_open()) self->start();
  });
}

void acceptor_state::add_link(link_socket socket) {
  if (links_.size() >= options_.links_max) {
    ++counters_.links_refused;
    return;
  }
  ++counters_.links_accepted;
  error_code gone;  // the link will find it
  const auto peer = socket.remote_endpoint(gone);
  const std::weak_ptr<link_owner> owner = weak_from_this();
  const auto link = std::make_shared<backend_link>(std::move(socket), peer, link_options(), owner);
  links_.insert(link);
  link->start();
}

mux_options acceptor_state::link_options() const {
  mux_options all;
  all.hello.role = link_role::backend;
  all.hello.node = options_.node;
  all.hello.map_epoch = options_.map_epoch;
  all.hello.features = features::notice;  // it binds nobody
  if (options_.hands_over) all.hello.features |= features::handoff;
  if (options_.takes_early_data) all.hello.features |= features::early_data;
  all.hello.stream_window_bytes = options_.stream_window_bytes;
  all.hello.link_window_bytes = options_.link_window_bytes;
  all.hello.streams_open_max = options_.streams_open_max;
  all.hello.streams_opening_max = options_.streams_opening_max;
  all.hello.ping_interval_ms = *to_wire_ms(options_.ping_interval);
  all.dead_after = options_.dead_after;
  all.opens_per_second = options_.opens_per_second;
  return all;
}

void acceptor_state::on_link_event(const link_event& event) {
  if (options_.on_link) options_.on_link(event);
}

void acceptor_state::on_link_closed(backend_link& link, error_code reason) {
  if (reason && !drain_result_) ++counters_.links_failed;
  counters_.streams_limited += link.core().counters().opens_limited;
  counters_.stream_errors += link.core().counters().stream_errors;
  counters_.streams_handed_over += link.streams_handed_over();
  links_.erase(std::static_pointer_cast<backend_link>(link.shared_from_this()));
  if (is_draining_ && links_.empty()) end_drain({});
}

void acceptor_state::close_links(error_code reason) {
  const std::vector<std::shared_ptr<backend_link>> all(links_.begin(), links_.end());
  for (const auto& link : all)
    link->close(reason);
}

void acceptor_state::stop_listening() {
  error_code ignored;
  listener_.close(ignored);
  pause_.cancel();
  if (accept_) complete(accept_, error_code(asio::error::operation_aborted), mux_stream());
}

// --- streams

stream_handler* acceptor_state::on_open(backend_link& link, const open_frame& open) {
  ++counters_.streams_opened;
  auto refused = admit(open);
  const auto answer = refused ? fence_answer(*refused) : ask_fence(open);
  if (const auto* why = std::get_if<refusal>(&answer)) {
    count_refusal(*why);
    link.core().refuse(to_frame(open.stream, *why));
    return nullptr;
  }
  const auto state = std::make_shared<stream_state>(
      std::static_pointer_cast<backend_link>(link.shared_from_this()), open, options_.linger);
  if (open.continued) {
    wait_for_checkpoint(state);
  } else if (const auto* wait = std::get_if<hold_stream>(&answer)) {
    held_.hold(state, *wait, mux_clock::now());
  } else {
    wait_for_application(state);
  }
  return state->is_open() ? &state->handler() : nullptr;
}

std::optional<refusal> acceptor_state::admit(const open_frame& open) const {
  if (waiting_.size() + incomplete_.size() >= options_.accept_backlog) {
    return refusal{refuse_reason::busy, std::nullopt, options_.busy_retry};
  }
  return options_.admit ? options_.admit(open) : std::nullopt;
}

fence_answer acceptor_state::ask_fence(const open_frame& open) const {
  return options_.fence ? options_.fence->ask(open, mux_clock::now()) : serve_stream{};
}

void acceptor_state::count_refusal(const refusal& why) {
  ++counters_.streams_refused;
  if (why.reason == refuse_reason::not_owner) ++counters_.streams_not_owned;
}

void acceptor_state::wait_for_application(std::shared_ptr<stream_state> stream) {
  stream->wait_in(*this, ++last_ticket_);
  waiting_.emplace(last_ticket_, std::move(stream));
  pass_on();
}

// The application is to have its state with it.
void acceptor_state::wait_for_checkpoint(std::shared_ptr<stream_state> stream) {
  stream->wait_in(*this, ++last_ticket_);
  incomplete_.emplace(last_ticket_, std::move(stream));
}

void acceptor_state::on_checkpoint(stream_queue::ticket at) {
  auto stream = std::move(incomplete_.extract(at).mapped());
  const auto answer = ask_fence(stream->info());
  if (const auto* why = std::get_if<refusal>(&answer)) return on_held_refused(*stream, *why);
  if (const auto* wait = std::get_if<hold_stream>(&answer)) {
    return held_.hold(std::move(stream), *wait, mux_clock::now());
  }
  wait_for_application(std::move(stream));
}

void acceptor_state::pass_on() {
  while (accept_ && !waiting_.empty())
    pass_on(std::move(waiting_.extract(waiting_.begin()).mapped()));
}

// The map may have changed while it waited: what counts is whose the key is now.
void acceptor_state::pass_on(std::shared_ptr<stream_state> stream) {
  const auto answer = ask_fence(stream->info());
  if (const auto* why = std::get_if<refusal>(&answer)) return on_held_refused(*stream, *why);
  if (const auto* wait = std::get_if<hold_stream>(&answer)) {
    return held_.hold(std::move(stream), *wait, mux_clock::now());
  }
  stream->accept();
  ++counters_.streams_accepted;
  if (stream->info().continued) ++counters_.streams_continued;
  if (options_.fence) sweeper_.add(*stream);
  complete(accept_, error_code(), mux_stream(std::move(stream)));
}

void acceptor_state::on_held_served(std::shared_ptr<stream_state> stream) {
  if (waiting_.size() >= options_.accept_backlog) {
    return on_held_refused(*stream, {refuse_reason::busy, std::nullopt, options_.busy_retry});
  }
  wait_for_application(std::move(stream));
}

void acceptor_state::on_held_refused(stream_state& stream, const refusal& why) {
  count_refusal(why);
  stream.refuse(to_frame({}, why));
}

void acceptor_state::on_fence_changed() {
  if (!options_.fence || is_closed_ || drain_result_) return;
  const auto now = mux_clock::now();
  held_.ask_again(now);
  sweeper_.start(now);
}

void acceptor_state::forget(stream_queue::ticket at) {
  ++counters_.streams_abandoned;
  if (waiting_.erase(at) == 0) incomplete_.erase(at);
}

void acceptor_state::refuse_waiting() {
  const refusal why{refuse_reason::shutting_down};
  held_.refuse_all(why);
  waiting_.merge(incomplete_);
  while (!waiting_.empty()) {
    const auto stream = std::move(waiting_.extract(waiting_.begin()).mapped());
    on_held_refused(*stream, why);
  }
}

std::uint64_t acceptor_state::accept(operation_pointer<accept_operation> operation) {
  const bool is_wrong_thread = !is_on_own_thread();
  if (is_wrong_thread || accept_) {
    const auto why = is_wrong_thread ? stream_errc::wrong_thread : stream_errc::accept_pending;
    complete(operation, error_code(why), mux_stream());
    return 0;
  }
  accept_ = std::move(operation);
  accept_number_ = ++operation_number_;
  if (is_open()) {
    pass_on();
  } else {
    cancel_accept(accept_number_);
  }
  return accept_ ? accept_number_ : 0;
}

void acceptor_state::cancel_accept(std::uint64_t number) {
  if (!accept_ || number != accept_number_) return;
  complete(accept_, error_code(asio::error::operation_aborted), mux_stream());
}

// --- the end

void acceptor_state::drain(std::chrono::milliseconds deadline) {
  if (is_closed_ || std::exchange(is_draining_, true)) return;
  stop_listening();
  refuse_waiting();
  drain_deadline_.expires_after(deadline);
  drain_deadline_.async_wait([self = shared_from_this()](error_code error) {
    if (error || self->drain_result_) return;
    self->end_drain(asio::error::timed_out);
    self->close_links(asio::error::timed_out);
  });
  const std::vector<std::shared_ptr<backend_link>> all(links_.begin(), links_.end());
  for (const auto& link : all)
    link->drain(std::chrono::milliseconds(*to_wire_ms(deadline)));
  if (links_.empty()) end_drain({});
}

void acceptor_state::end_drain(error_code result) {
  if (!drain_result_) drain_result_ = result;
  drain_deadline_.cancel();
  sweeper_.stop();  // nothing is left to look at, and its wait would keep the io_context busy
  if (drain_) complete(drain_, *drain_result_);
}

std::uint64_t acceptor_state::wait_drained(operation_pointer<drain_operation> operation) {
  assert(!drain_ && "one drain at a time");
  drain_ = std::move(operation);
  drain_number_ = ++operation_number_;
  if (drain_result_) complete(drain_, *drain_result_);
  return drain_ ? drain_number_ : 0;
}

void acceptor_state::cancel_drain(std::uint64_t number) {
  if (!drain_ || number != drain_number_) return;
  complete(drain_, error_code(asio::error::operation_aborted));
}

void acceptor_state::close() {
  if (std::exchange(is_closed_, true)) return;
  stop_listening();
  end_drain(asio::error::operation_aborted);
  close_links(asio::error::operation_aborted);
}

acceptor_counters acceptor_state::counters() const {
  acceptor_counters all = counters_;
  all.links_open = links_.size();
  all.streams_waiting = waiting_.size();
  all.streams_held = held_.size();
  all.streams_moved = sweeper_.streams_moved();
  for (const auto& link : links_) {
    all.streams_open += link->core().streams_open();
    all.streams_limited += link->core().counters().opens_limited;
    all.streams_handed_over += link->streams_handed_over();
    all.stream_errors += link->core().counters().stream_errors;
  }
  return all;
}

void acceptor_state::destroy_operations() {
  // The acceptor may be gone when they are.
  const auto accept = std::move(accept_);
  const auto drain = std::move(drain_);
}

}  // namespace presenter::protocol
