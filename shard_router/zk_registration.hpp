// A backend's entry in the map: the ephemeral znode <chroot>/servers/<name>, kept there for as long
// as the process wants to be found, whatever happens to sessions and to the node.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/backoff.hpp"
#include "base/life_token.hpp"
#include "shard_router/shard_map.hpp"
#include "shard_router/zk_session.hpp"

namespace presenter::shard_router {

// A random UUID: the `instance` of one life of a process.
std::string make_instance();

// Life: shorter than the session it was given. If it ends without close(), the node stays until the
//   session ends.
// Confined to: the session's executor.
// Whose node it is, is decided by its ephemeralOwner, never by its presence: a leftover of an
// earlier session is replaced, not trusted. If, after we were registered once, a process of another
// instance takes the name, it is newer than we are: we say so and wait until it leaves.
// An operator's order: the state in our node was changed by somebody else. It stands, over new
//   sessions as well, until it is changed back, for as long as this object lives.
class zk_registration final : public zk_listener {
 public:
  using done_handler = std::function<void(boost::system::error_code)>;
  using state_handler = std::function<void(backend_state)>;

  // `self` within limits (errc's entry errors are for reading; here std::invalid_argument is
  // thrown). An empty `instance` is filled in by make_instance().
  zk_registration(zk_session& session, backend_entry self);
  ~zk_registration();  // without close()
  zk_registration(const zk_registration&) = delete;
  zk_registration& operator=(const zk_registration&) = delete;

  // From now on the node is there whenever the session lives.
  void start();

  // Told, posted, when an operator's order has changed our state.
  void set_state_handler(state_handler on_ordered) { on_ordered_ = std::move(on_ordered); }

  // New weight, state, host or port; the name and the instance stay. Throws as the constructor
  // does. The last call counts; it may be made at any time before close(). `draining` holds against
  // any order, `up` does not undo one.
  void update(backend_entry self);

  // Removes the node, so that the leave is seen at once, and then calls `done`: with no error if
  // the node is gone, else with errc::disconnected or ZooKeeper's answer, and the node goes with
  // the session. Without an answer `done` comes when the session loses its server; if the session
  // is closed first, never.
  void close(done_handler done);

  // The node is there, is ours and says what we want, when last seen.
  bool is_registered() const { return state_ == state::registered; }

  // As it is wanted: an order included.
  const backend_entry& self() const { return self_; }

 private:
  enum class state { idle, registering, registered, name_taken, closing, closed };

  void on_session_state(zk_state session) override;
  void on_node_event(std::string_view path) override;

  void check();
  void on_node(boost::system::error_code failed, const std::string& data, const zk_stat& stat);
  void on_own_node(const std::string& data, const zk_stat& stat);
  void on_foreign_node(const std::string& data, const zk_stat& stat);
  void follow_order(backend_state found);
  std::string write_wanted();
  void on_no_node();
  void create();
  void create_parent();
  void after_change(boost::system::error_code failed);
  void on_failure(boost::system::error_code failed);
  void mark_created();
  void mark_replaced(bool is_other_instance);
  void mark_registered(std::int32_t version);
  void remove_node();
  void finish_close(boost::system::error_code failed);

  zk_session& session_;
  shard_counters& counters_;
  backend_entry self_;
  const std::string path_;
  backend_state wish_;     // the process's own
  backend_state written_;  // what we sent last; anything else is an order
  bool is_drain_ordered_ = false;
  state_handler on_ordered_;

  state state_ = state::idle;
  std::int32_t version_ = 0;     // of our node; while registered
  bool was_registered_ = false;  // ever
  bool is_checking_ = false;     // an answer is awaited
  bool is_check_due_ = false;    // something happened meanwhile
  done_handler on_closed_;
  boost::asio::steady_timer retry_timer_;
  backoff retry_backoff_;
  struct {
    log_pace failures{1, std::chrono::minutes(1)};
    log_pace orders{10, std::chrono::minutes(1)};
    log_pace taken{10, std::chrono::minutes(1)};
    log_pace removed{10, std::chrono::minutes(1)};
    log_pace registered{10, std::chrono::minutes(1)};
  } said_;

  life_token life_;    // of this object
  life_token checks_;  // of the requests in flight: renewed when the session goes
};

}  // namespace presenter::shard_router
