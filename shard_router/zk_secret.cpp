#include "shard_router/zk_secret.hpp"

#include <zookeeper/zookeeper.h>

#include <utility>

#include "base/library_log.hpp"
#include "shard_router/errc.hpp"

namespace presenter::shard_router {
namespace {

using boost::system::error_code;

// That we can read the node says that the one identity it knows is ours.
bool is_private(const std::vector<zk_acl_entry>& entries) {
  return entries.size() == 1 && entries.front().scheme == "digest" &&
         entries.front().permissions == ZOO_PERM_ALL;
}

}  // namespace

zk_secret::zk_secret(zk_session& session, std::string path, zk_secret_events events,
                     std::chrono::milliseconds retry)
    : session_(session),
      path_(std::move(path)),
      events_(std::move(events)),
      retry_(retry),
      retry_timer_(session.executor()) {}

zk_secret::~zk_secret() {
  session_.remove_listener(*this);
}

void zk_secret::start() {
  if (std::exchange(has_started_, true)) return;
  session_.add_listener(*this);
  read();
}

void zk_secret::on_session_state(zk_state state) {
  // The answers to what is in flight are not waited for.
  requests_.renew();
  retry_timer_.cancel();
  is_busy_ = false;
  is_settled_ = false;
  if (state == zk_state::connected) read();
}

void zk_secret::on_node_event(std::string_view path) {
  if (path != path_) return;
  is_settled_ = false;
  read();
}

// Data with a watch, then who may touch it; or, if there is none, a watch for its coming.
void zk_secret::read() {
  if (session_.state() != zk_state::connected) return;
  is_read_due_ = is_busy_;
  if (std::exchange(is_busy_, true)) return;
  is_settled_ = false;
  ++session_.counters().secret_reads;
  session_.get_data(path_, requests_.bind([this](error_code failed, const std::string& data,
                                                 const zk_stat& stat) {
    if (!failed) return read_acl(data, stat);
    if (failed == zk_errc::no_node) return look_for_it();
    finish_read(failed);
  }));
}

void zk_secret::read_acl(const std::string& data, const zk_stat& stat) {
  session_.get_acl(
      path_,
      requests_.bind([this, data, stat](error_code failed, const std::vector<zk_acl_entry>& entries,
                                        const zk_stat& later) {
        if (failed == zk_errc::no_node || later.acl_version != stat.acl_version)
          is_read_due_ = true;  // changed in between
        if (failed) return finish_read(failed == zk_errc::no_node ? error_code() : failed);
        if (!is_private(entries)) return finish_read(errc::secret_exposed);
        is_settled_ = !is_read_due_;
        finish_read({});
        if (is_settled_) events_.on_data(data, stat.version);
      }));
}

void zk_secret::look_for_it() {
  session_.exists(path_, requests_.bind([this](error_code failed) {
    const bool is_absent = failed == zk_errc::no_node;
    if (!failed) is_read_due_ = true;  // it has come in between
    finish_read(is_absent ? error_code() : failed);
    if (is_absent && !is_busy_) events_.on_absent();
  }));
}

void zk_secret::finish_read(error_code failed) {
  is_busy_ = false;
  if (failed == zk_errc::no_auth) failed = errc::secret_denied;
  if (failed == errc::secret_denied || failed == errc::secret_exposed) {
    ++session_.counters().secret_refusals;
    events_.on_refused(failed);
  } else if (failed && failed != zk_errc::connection_loss) {
    say_paced(reads_said_, log_level::warning, "{}{} could not be read: {}", session_.chroot(),
              path_, failed.message());
  }
  if (std::exchange(is_read_due_, false)) return read();
  // After a disconnect the session's return makes us read.
  if (failed) retry_later();
}

void zk_secret::retry_later() {
  retry_timer_.expires_after(retry_);
  retry_timer_.async_wait(life_.bind([this](error_code cancelled) {
    if (!cancelled) read();
  }));
}

void zk_secret::create(const std::string& data, done_handler handler) {
  is_busy_ = true;
  is_settled_ = false;
  session_.create_private(path_, data,
                          requests_.bind([this, handler = std::move(handler)](error_code failed) {
                            if (failed == zk_errc::no_node) return create_parent(handler);
                            after_write(failed, handler);
                          }));
}

// The chroot itself. Then the node is looked for again, found absent, and may be created.
void zk_secret::create_parent(const done_handler& handler) {
  session_.create_persistent("", requests_.bind([this, handler](error_code failed) {
    after_write(failed ? failed : zk_errc::no_node, handler);
  }));
}

void zk_secret::replace(const std::string& data, std::int32_t version, done_handler handler) {
  is_busy_ = true;
  is_settled_ = false;
  session_.set_data(path_, data, version,
                    requests_.bind([this, handler = std::move(handler)](error_code failed) {
                      after_write(failed, handler);
                    }));
}

void zk_secret::after_write(error_code failed, const done_handler& handler) {
  is_busy_ = false;
  const bool is_overtaken = failed == zk_errc::no_node || failed == zk_errc::node_exists ||
                            failed == zk_errc::bad_version;
  if (failed && !is_overtaken) {
    ++session_.counters().secret_write_failures;
    say_paced(writes_said_, log_level::warning, "{}{} could not be written: {}", session_.chroot(),
              path_, failed.message());
    retry_later();
  }
  if (handler) handler(failed);
  if (!failed || is_overtaken) read();
}

}  // namespace presenter::shard_router
