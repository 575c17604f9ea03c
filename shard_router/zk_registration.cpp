#include "shard_router/zk_registration.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <random>
#include <stdexcept>
#include <utility>

#include "base/library_log.hpp"
#include "shard_router/errc.hpp"
#include "shard_router/shard_map_codec.hpp"
#include "shard_router/zk_paths.hpp"

namespace presenter::shard_router {
namespace {

using boost::system::error_code;

constexpr std::chrono::milliseconds retry_min{200};
constexpr std::chrono::milliseconds retry_max{10'000};

// What we write, everybody must be able to read.
backend_entry checked(backend_entry self) {
  const auto decoded = decode_backend(self.name, encode_backend(self));
  if (!decoded) {
    throw std::invalid_argument(
        fmt::format("backend '{}': {}", self.name, decoded.error().message()));
  }
  return self;
}

backend_entry with_instance(backend_entry self) {
  if (self.instance.empty()) self.instance = make_instance();
  return self;
}

}  // namespace

std::string make_instance() {
  std::random_device random;
  const auto bits = [&random] { return static_cast<std::uint32_t>(random()); };
  const std::uint32_t high = bits();
  const std::uint32_t low = bits();
  // RFC 4122 §4.4: version 4, variant 10.
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:04x}{:08x}", bits(), high >> 16, high & 0xfff,
                     0x8000 | (low >> 16 & 0x3fff), low & 0xffff, bits());
}

zk_registration::zk_registration(zk_session& session, backend_entry self)
    : session_(session),
      counters_(session.counters()),
      self_(checked(with_instance(std::move(self)))),
      path_(server_path(self_.name)),
      wish_(self_.state),
      written_(self_.state),
      retry_timer_(session.executor()),
      retry_backoff_(retry_min, retry_max) {}

zk_registration::~zk_registration() {
  session_.remove_listener(*this);
}

void zk_registration::start() {
  if (state_ != state::idle) return;
  state_ = state::registering;
  session_.add_listener(*this);
  check();
}

void zk_registration::update(backend_entry self) {
  self.name = self_.name;
  self.instance = self_.instance;
  wish_ = self.state;
  if (is_drain_ordered_) self.state = backend_state::draining;
  self_ = checked(std::move(self));
  if (state_ == state::registered) state_ = state::registering;
  check();
}

void zk_registration::on_session_state(zk_state session) {
  // The answers to what is in flight are not waited for: after a reconnect the node is read anew.
  checks_.renew();
  is_checking_ = false;
  retry_timer_.cancel();
  if (state_ == state::closing) return finish_close(errc::disconnected);
  if (session == zk_state::expired && state_ == state::registered) state_ = state::registering;
  if (session == zk_state::connected) check();
}

void zk_registration::on_node_event(std::string_view path) {
  if (path == path_) check();
}

// Reads our node, with a watch, and does what is missing; each change is followed by another read,
// until the node is what we want. One request at a time.
void zk_registration::check() {
  if (state_ == state::idle || state_ == state::closing || state_ == state::closed) return;
  if (session_.state() != zk_state::connected) return;
  is_check_due_ = is_checking_;
  if (std::exchange(is_checking_, true)) return;
  session_.get_data(
      path_, checks_.bind([this](error_code failed, const std::string& data, const zk_stat& stat) {
        is_checking_ = false;
        on_node(failed, data, stat);
        if (is_check_due_) check();
      }));
}

void zk_registration::on_node(error_code failed, const std::string& data, const zk_stat& stat) {
  if (failed == zk_errc::no_node) return on_no_node();
  if (failed) return on_failure(failed);
  if (stat.ephemeral_owner == session_.credentials().session_id) return on_own_node(data, stat);
  on_foreign_node(data, stat);
}

void zk_registration::on_own_node(const std::string& data, const zk_stat& stat) {
  if (const auto found = decode_backend(self_.name, data)) {
    follow_order(found->state);
    if (*found == self_) return mark_registered(stat.version);
  }
  is_checking_ = true;
  session_.set_data(path_, write_wanted(), stat.version,
                    checks_.bind([this](error_code failed) { after_change(failed); }));
}

// What we never wrote, somebody else did.
void zk_registration::follow_order(backend_state found) {
  if (found == written_ || found == self_.state) return;
  is_drain_ordered_ = found == backend_state::draining;
  written_ = found;
  if (wish_ == backend_state::draining || self_.state == found) return;
  self_.state = found;
  say_paced(said_.orders, log_level::info, "{}: {} by order", path_, name_of(found));
  boost::asio::post(session_.executor(), life_.bind([this, found] {
    if (on_ordered_) on_ordered_(found);
  }));
}

// What is on its way from now on, whether its answer arrives or not.
std::string zk_registration::write_wanted() {
  written_ = self_.state;
  return encode_backend(self_);
}

void zk_registration::on_foreign_node(const std::string& data, const zk_stat& stat) {
  const auto other = decode_backend(self_.name, data);
  const bool is_other_instance = !other || other->instance != self_.instance;
  if (was_registered_ && is_other_instance) {
    if (state_ == state::name_taken) return;
    state_ = state::name_taken;
    ++counters_.names_taken;
    say_paced(said_.taken, log_level::error,
              "{}{}: {} (session {:#x}); this one waits until it leaves", session_.chroot(), path_,
              make_error_code(errc::node_taken).message(), stat.ephemeral_owner);
    return;
  }
  state_ = state::registering;
  // Our own, of an earlier session: an order in it counts.
  if (!is_other_instance) follow_order(other->state);
  is_checking_ = true;
  session_.replace_by_ephemeral(path_, stat.version, write_wanted(),
                                checks_.bind([this, is_other_instance](error_code failed) {
                                  if (!failed) mark_replaced(is_other_instance);
                                  after_change(failed);
                                }));
}

void zk_registration::on_no_node() {
  if (state_ == state::registered) {
    ++counters_.registrations_lost;
    say_paced(said_.removed, log_level::warning,
              "{}{} was removed while its session lives; it is created again", session_.chroot(),
              path_);
  }
  state_ = state::registering;
  create();
}

void zk_registration::create() {
  is_checking_ = true;
  session_.create_ephemeral(path_, write_wanted(), checks_.bind([this](error_code failed) {
    if (failed == zk_errc::no_node) return create_parent();
    if (!failed) mark_created();
    after_change(failed);
  }));
}

void zk_registration::create_parent() {
  session_.create_persistent(std::string(servers_path), checks_.bind([this](error_code failed) {
    if (failed) return after_change(failed);
    create();
  }));
}

// The change was made, or somebody else was faster, or nobody knows: the next read will show.
void zk_registration::after_change(error_code failed) {
  is_checking_ = false;
  const bool is_overtaken = failed == zk_errc::no_node || failed == zk_errc::node_exists ||
                            failed == zk_errc::bad_version;
  if (failed && !is_overtaken) return on_failure(failed);
  check();
}

void zk_registration::on_failure(error_code failed) {
  // After a disconnect the session's return makes us check.
  if (failed != zk_errc::connection_loss) {
    ++counters_.registration_failures;
    say_paced(said_.failures, log_level::warning, "{}{} could not be registered: {}; trying again",
              session_.chroot(), path_, failed.message());
  }
  retry_timer_.expires_after(retry_backoff_.next());
  retry_timer_.async_wait(life_.bind([this](error_code cancelled) {
    if (!cancelled) check();
  }));
}

void zk_registration::mark_created() {
  ++counters_.registrations;
  say_paced(said_.registered, log_level::info, "{}{} is registered", session_.chroot(), path_);
}

// Another's node may be of a process that has just died, or of one that lives: its session lives.
void zk_registration::mark_replaced(bool is_other_instance) {
  ++counters_.registrations;
  ++counters_.leftovers_replaced;
  if (!is_other_instance) {
    say_paced(said_.registered, log_level::info,
              "{}{} is registered in place of an earlier session's", session_.chroot(), path_);
    return;
  }
  say_paced(said_.registered, log_level::warning,
            "{}{} is registered in place of another process's, whose session has not ended: if "
            "that one lives, two have one name, and it gets no clients any more",
            session_.chroot(), path_);
}

void zk_registration::mark_registered(std::int32_t version) {
  state_ = state::registered;
  version_ = version;
  was_registered_ = true;
  retry_backoff_.reset();
}

void zk_registration::close(done_handler done) {
  const state before = std::exchange(state_, state::closing);
  on_closed_ = std::move(done);
  retry_timer_.cancel();
  checks_.renew();
  if (session_.state() != zk_state::connected) return finish_close(errc::disconnected);
  if (before == state::registered) return remove_node();
  // A create may be on its way: look once more, and remove only what is ours.
  session_.get_data(
      path_, checks_.bind([this](error_code failed, const std::string&, const zk_stat& stat) {
        if (failed == zk_errc::no_node) return finish_close({});
        if (failed) return finish_close(failed);
        if (stat.ephemeral_owner != session_.credentials().session_id) return finish_close({});
        version_ = stat.version;
        remove_node();
      }));
}

void zk_registration::remove_node() {
  session_.remove(path_, version_, checks_.bind([this](error_code failed) {
    // Another version cannot be ours: we write one request at a time.
    if (failed == zk_errc::no_node) failed.clear();
    finish_close(failed);
  }));
}

void zk_registration::finish_close(error_code failed) {
  state_ = state::closed;
  session_.remove_listener(*this);
  const auto on_closed = std::exchange(on_closed_, nullptr);
  boost::asio::post(session_.executor(), [on_closed, failed] {
    if (on_closed) on_closed(failed);
  });
}

}  // namespace presenter::shard_router
