#include "gateway/upstream/upstream_slot.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/system/system_error.hpp>
#include <string>
#include <utility>

#include "base/paced_log.hpp"
#include "protocol/errc.hpp"
#include "shard_router/host.hpp"

namespace presenter::gateway {
namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

// A backend that restarts is back within a second; one that is gone costs one SYN per five seconds.
constexpr milliseconds pause_first{100};
constexpr milliseconds pause_longest{5'000};

// Deposits of one link. They take no credit, so this is what keeps a backend from making a worker
// busy with them: each is a copy of some 0.1 µs. It is more than the messages that a worker relays,
// so a backend that deposits after each does not meet it.
constexpr std::int32_t deposits_per_second = 50'000;

// Streams of a link that is lost whose clients learn of it in one turn of the loop: some 2 µs each.
constexpr std::size_t streams_lost_at_once = 256;

protocol::mux_options link_options(const upstream_context& context,
                                   const shard_router::backend_entry& backend) {
  protocol::mux_options options;
  options.peer_node = backend.name;
  options.hello.role = protocol::link_role::gateway;
  options.hello.node = context.node;
  options.hello.features |= protocol::features::notice;
  if (context.settings.tls.early_data) options.hello.features |= protocol::features::early_data;
  const bool hands_over = context.settings.moves.handoffs_per_second > 0;
  if (hands_over) options.hello.features |= protocol::features::handoff;
  // A map file keeps naming a backend that has died: nobody could ever go on from a deposit.
  const bool may_go_on = hands_over && context.settings.shards.zookeeper.has_value();
  options.hello.deposit_bytes_max = may_go_on ? context.settings.upstream.deposit_bytes_max : 0;
  options.deposits_per_second = deposits_per_second;
  options.streams_lost_at_once = streams_lost_at_once;
  options.hello.stream_window_bytes = context.settings.upstream.stream_window_bytes;
  options.hello.link_window_bytes = context.settings.upstream.link_window_bytes;
  options.hello.ping_interval_ms =
      static_cast<std::int32_t>(context.settings.upstream.ping_interval.count());
  options.dead_after = context.settings.upstream.dead_after;
  // By then every stream that holds the link's credit has been reset: limits.hpp.
  options.link_stall_timeout = 2 * context.settings.upstream.stall_timeout;
  return options;
}

asio::ip::tcp family_of(int descriptor) {
  asio::ip::tcp::endpoint local;
  auto size = static_cast<socklen_t>(local.capacity());
  ::getsockname(descriptor, local.data(), &size);
  return local.protocol();
}

// The kernel of the backend's host has ended the connection. A process that has said good-bye gives
// no error, and one that is silent or breaks a rule gives another.
bool is_broken_by_host(error_code reason) {
  return reason == asio::error::eof || reason == asio::error::connection_reset ||
         reason == asio::error::broken_pipe;
}

// What a backend calls the error for which it ends a link; its number may be of the future.
std::string text_of(std::int32_t go_away_reason) {
  if (go_away_reason > static_cast<std::int32_t>(protocol::link_error_last))
    return "error " + std::to_string(go_away_reason);
  return make_error_code(static_cast<protocol::errc>(go_away_reason)).message();
}

address_result result_of(const net::connect_attempt& attempt) {
  if (!attempt.result) return address_result::connected;
  if (attempt.result == asio::error::timed_out) return address_result::timed_out;
  if (attempt.result == asio::error::operation_aborted) return address_result::superseded;
  return address_result::failed;
}

}  // namespace

backend_use& backend_use::operator+=(const backend_use& other) {
  streams += other.streams;
  links_up += other.links_up;
  links_suspect += other.links_suspect;
  links_wanted += other.links_wanted;
  links_handing += other.links_handing;
  return *this;
}

upstream_slot::upstream_slot(upstream_context& context, shard_router::backend_entry server)
    : context_(context),
      server_(std::move(server)),
      timer_(context.io),
      pause_(pause_first, pause_longest, static_cast<std::uint32_t>(context.random())) {}

std::string upstream_slot::where() const {
  return shard_router::format_host_port(server_.host, server_.port);
}

void upstream_slot::start() {
  resolve();
}

void upstream_slot::start_after(upstream_slot& before) {
  before.forget_failures();
  pause_ = before.pause_;
  said_ = before.said_;
  connect_later();
}

// --- another process goes on

std::optional<protocol::mux_link_state> upstream_slot::freeze() {
  if (link_ == nullptr) return std::nullopt;
  link_->count_traffic(context_.metrics);
  return link_->freeze();
}

void upstream_slot::adopt(protocol::mux_link_state state, bool is_retired,
                          protocol::mux_clock::time_point up_since) {
  if (const auto error = check(state)) throw boost::system::system_error(error, "a link");
  is_retired_ = is_retired;
  protocol::link_socket socket(context_.io);
  socket.assign(family_of(state.descriptor), state.descriptor);
  protocol::mux_options options = link_options(context_, server_);
  options.hello = state.core.hello;
  upstream_link_owner& owner = *this;
  link_ = std::make_shared<upstream_link>(std::move(socket), options, std::move(state), owner,
                                          context_.loop);
  up_since_ = up_since;
  context_.metrics.links_up.add();
}

void upstream_slot::serve() {
  link_->core().release_unattached();
  link_->start();
}

void upstream_slot::retire() {
  is_retired_ = true;
  timer_.cancel();
  if (const auto connecting = std::exchange(connector_, nullptr)) connecting->cancel();
  if (link_ != nullptr) link_->core().go_away({});
}

void upstream_slot::close_if_empty(milliseconds linger) {
  if (link_ != nullptr && link_->core().streams_open() == 0) close(linger);
}

void upstream_slot::close(milliseconds linger) {
  if (link_ != nullptr) link_->close_after_output(linger);
}

std::shared_ptr<upstream_link> upstream_slot::link_for_new_stream() const {
  if (link_ == nullptr || !link_->core().can_open() || link_->core().is_suspect()) return nullptr;
  return link_;
}

backend_use upstream_slot::use() const {
  backend_use use;
  use.streams = streams_open();
  use.links_up = is_ready() ? 1 : 0;
  use.links_suspect = is_ready() && is_suspect_ ? 1 : 0;
  use.links_wanted = 1;
  use.links_handing = takes_handoffs() ? 1 : 0;
  return use;
}

// --- connecting

void upstream_slot::resolve() {
  if (is_retired_) return;
  error_code not_an_address;
  const auto address = asio::ip::make_address(server_.host, not_an_address);
  if (!not_an_address) return connect({address});
  context_.names.resolve(server_.host, [self = shared_from_this()](const net::resolved_name& name) {
    if (!self->is_retired_) self->on_resolved(name);
  });
}

void upstream_slot::on_resolved(const net::resolved_name& name) {
  if (name.all.empty()) return on_connect_failed("resolve the name of", name.failed.message());
  if (name.failed) {
    context_.metrics.stale_names.add();
    log_paced(said_.stale, spdlog::level::warn,
              "cannot resolve the name of {}, {}: {}; its last addresses are used", server_.name,
              server_.host, name.failed.message());
  }
  connect(name.all);
}

void upstream_slot::connect(const net::addresses& all) {
  context_.metrics.link_connects.add();
  connector_ = std::make_shared<net::connector>(context_.io, net::interleaved(all, server_.port));
  connector_->start(context_.settings.upstream.connect_timeout,
                    [self = shared_from_this()](error_code failed, protocol::link_socket socket,
                                                const auto& attempts) {
                      self->on_connected(failed, std::move(socket), attempts);
                    });
}

void upstream_slot::on_connected(error_code failed, protocol::link_socket socket,
                                 const std::vector<net::connect_attempt>& attempts) {
  connector_.reset();
  for (const net::connect_attempt& each : attempts)
    context_.metrics.link_addresses[result_of(each)].add();
  note_connect(failed, attempts);
  if (failed) {
    const bool is_named = attempts.front().to.address().to_string() != server_.host;
    return on_connect_failed("connect to", is_named ? text_of(attempts) : failed.message());
  }
  upstream_link_owner& owner = *this;
  link_ = std::make_shared<upstream_link>(std::move(socket), link_options(context_, server_), owner,
                                          context_.loop);
  link_->start();
}

void upstream_slot::note_connect(error_code failed,
                                 const std::vector<net::connect_attempt>& attempts) {
  if (!failed) trace_ = trace::none;
  if (trace_ == trace::none) return;
  const bool is_refused = std::ranges::all_of(attempts, [](const net::connect_attempt& each) {
    return each.result == asio::error::connection_refused;
  });
  trace_ = is_refused ? trace::refused : trace::broken;
  if (is_refused) context_.on_refused(*this);
}

void upstream_slot::on_connect_failed(std::string_view what, std::string_view why) {
  context_.metrics.link_connect_failures.add();
  log_paced(said_.failures, spdlog::level::warn, "cannot {} {} at {}: {}", what, server_.name,
            where(), why);
  connect_later();
}

void upstream_slot::connect_later() {
  timer_.expires_after(pause_.next());
  timer_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->resolve();
  });
}

// A backend that takes links and drops or leaves each is no better than one that takes none.
void upstream_slot::forget_failures() {
  const bool was_up = link_ != nullptr && link_->core().is_ready();
  const auto enough = context_.settings.upstream.ping_interval;
  if (was_up && protocol::mux_clock::now() - up_since_ >= enough) pause_.reset();
}

// --- the link

void upstream_slot::on_link_ready(upstream_link& link) {
  up_since_ = protocol::mux_clock::now();
  context_.metrics.links_up.add();
  context_.metrics.links_opened.add();
  log_paced(said_.up, spdlog::level::info, "link to {} is up: {} to {}", server_.name,
            link.local_endpoint().port(), where());
  context_.on_up(*this);
  context_.on_room(*this);
}

void upstream_slot::on_link_can_open(upstream_link&) {
  context_.on_room(*this);
}

void upstream_slot::on_link_suspect(upstream_link&, bool is_suspect) {
  if (std::exchange(is_suspect_, is_suspect) == is_suspect) return;
  if (!is_suspect) return context_.metrics.links_suspect.sub();
  context_.metrics.links_suspect.add();
  log_paced(said_.silent, spdlog::level::warn,
            "link to {} is silent or without credit: no new streams on it", server_.name);
}

void upstream_slot::on_link_go_away(upstream_link& link, const protocol::go_away_frame& go_away) {
  if (go_away.reason == 0) {
    log_paced(said_.leaving, spdlog::level::info, "{} takes no new streams on its link",
              server_.name);
  } else {
    log_paced(said_.leaving, spdlog::level::warn, "{} ends its link: {}", server_.name,
              text_of(go_away.reason));
  }
  // After an error, or before Hello, the close that follows makes room for the next attempt.
  const bool planned = go_away.reason == 0 && link.core().is_ready();
  if (planned && !is_retired_) context_.on_leaving(*this);
}

void upstream_slot::on_link_stream_error(protocol::reset_reason reason) {
  context_.metrics.stream_errors[reason].add();
}

void upstream_slot::on_link_input_end() {
  context_.on_input_end();
}

void upstream_slot::on_link_closed(upstream_link& link, error_code reason) {
  link.count_traffic(context_.metrics);
  if (link.core().is_ready()) {
    context_.metrics.links_up.sub();
    trace_ = is_broken_by_host(reason) ? trace::broken : trace::none;
  }
  on_link_suspect(link, false);
  forget_failures();
  link_.reset();
  if (is_retired_ || !reason) {
    log_paced(said_.over, spdlog::level::info, "link to {} closed", server_.name);
  } else {
    context_.metrics.count_link_error(reason);
    // What is wrong with a frame: a field, or, with a Hello, whose it is.
    std::string detail(link.core().failure_field());
    if (const auto& other = link.core().wrong_node(); !other.empty())
      detail = other + ", at " + where();
    log_paced(said_.over, spdlog::level::warn, "link to {} lost: {}{}{}", server_.name,
              reason.message(), detail.empty() ? "" : ": ", detail);
  }
  if (is_retired_) return;
  connect_later();
  // Streams it lost before Accept may find room on another link.
  context_.on_room(*this);
}

}  // namespace presenter::gateway
