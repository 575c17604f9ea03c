// One persistent znode whose bytes are for the session's digest identity alone: watched, created,
// and replaced only by whoever has seen what it replaces. A node that others can touch is refused,
// both to read from and to write to. Knows nothing of what the bytes mean.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/life_token.hpp"
#include "shard_router/zk_session.hpp"

namespace presenter::shard_router {

struct zk_secret_events {
  // The bytes, at first and after each change. `version` is what replace() must name.
  std::function<void(const std::string& data, std::int32_t version)> on_data;
  // There is no such node; create() is allowed from inside.
  std::function<void()> on_absent;
  // errc::secret_denied or secret_exposed; told at each attempt, until somebody has mended it.
  std::function<void(boost::system::error_code)> on_refused;
};

// Life: shorter than the session it was given, which must have a digest identity.
// Confined to: the session's executor.
// The bytes pass through buffers of the session and of the C client, which nobody wipes.
class zk_secret final : public zk_listener {
 public:
  // The answer to a write; not called if the session is lost meanwhile. Whatever it is, the node is
  // read again.
  using done_handler = std::function<void(boost::system::error_code)>;

  // `retry`: between attempts at a node that is refused or cannot be read.
  zk_secret(zk_session& session, std::string path, zk_secret_events events,
            std::chrono::milliseconds retry = std::chrono::seconds(10));
  ~zk_secret();
  zk_secret(const zk_secret&) = delete;
  zk_secret& operator=(const zk_secret&) = delete;

  void start();

  // What on_data told last is, as far as anybody knows, what the node holds, and no write is under
  // way.
  bool is_settled() const { return is_settled_; }

  // zk_errc::node_exists: somebody else was faster. Makes the chroot if it has to.
  void create(const std::string& data, done_handler handler);

  // zk_errc::bad_version or no_node: somebody else was faster. Only after on_data.
  void replace(const std::string& data, std::int32_t version, done_handler handler);

 private:
  void on_session_state(zk_state state) override;
  void on_node_event(std::string_view path) override;

  void read();
  void read_acl(const std::string& data, const zk_stat& stat);
  void look_for_it();
  void finish_read(boost::system::error_code refused);
  void retry_later();
  void create_parent(const done_handler& handler);
  void after_write(boost::system::error_code failed, const done_handler& handler);

  zk_session& session_;
  const std::string path_;
  const zk_secret_events events_;
  const std::chrono::milliseconds retry_;
  boost::asio::steady_timer retry_timer_;
  log_pace reads_said_{1, std::chrono::minutes(1)};
  log_pace writes_said_{1, std::chrono::minutes(1)};
  bool has_started_ = false;
  bool is_busy_ = false;  // one request at a time
  bool is_read_due_ = false;
  bool is_settled_ = false;

  life_token life_;
  life_token requests_;  // of one life of the session
};

}  // namespace presenter::shard_router
