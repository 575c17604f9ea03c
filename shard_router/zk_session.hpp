// A session with ZooKeeper that lives as long as its owner wants: over the C client's handle, which
// dies with each expiry. Callbacks of the C library's threads are copied and posted; everything a
// user of this class sees happens on one executor. Knows nothing of shards: znodes in, znodes out.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/backoff.hpp"
#include "base/life_token.hpp"
#include "base/log_pace.hpp"
#include "shard_router/blocking_thread.hpp"
#include "shard_router/shard_counters.hpp"
#include "shard_router/zk_address.hpp"
#include "shard_router/zk_error.hpp"
#include "shard_router/zk_servers.hpp"

struct ACL_vector;  // the C client's

namespace presenter::shard_router {

struct zk_session_options {
  zk_address address;

  // How long the server keeps a session it does not hear from, and so how long a crashed backend
  // stays in the map. The server has its own bounds (2 and 20 of its ticks). Short enough that the
  // fleet notices, long enough for a leader election: nothing else expires needlessly.
  std::chrono::milliseconds session_timeout{6'000};

  // "user:password": the digest identity of the session, which owns what it creates; empty: none,
  // and what it creates is open to everybody. It goes over the wire as it is, and Debian's C client
  // has no TLS: the network between us and ZooKeeper must be trusted.
  std::string digest_auth;

  // Between the end of one session and the next attempt.
  std::chrono::milliseconds reopen_min{100};
  std::chrono::milliseconds reopen_max{10'000};
};

enum class zk_state {
  stopped,     // before start() and after close()
  connecting,  // no server answers yet, or none does any more; the session may still live
  connected,
  expired,  // the session and its ephemeral nodes are gone; a new one follows by itself
};

// What we use of ZooKeeper's Stat.
struct zk_stat {
  std::int64_t czxid = 0;            // when the node was created: later ones have higher numbers
  std::int64_t mzxid = 0;            // last change of the data
  std::int64_t pzxid = 0;            // last change of the list of children
  std::int64_t ephemeral_owner = 0;  // session; 0: not ephemeral
  std::int32_t version = 0;          // of the data
  std::int32_t acl_version = 0;
};

// One line of a node's access control list.
struct zk_acl_entry {
  std::string scheme;
  std::string id;
  std::int32_t permissions = 0;  // of ZooKeeper's bits
};

// Whoever holds these can take part in the session, or end it.
struct zk_credentials {
  std::int64_t session_id = 0;
  std::array<char, 16> password{};
};

// Told on the session's executor. May call the session, but not close it, from inside.
class zk_listener {
 public:
  // Every change, in order. After `connected`: read what you need again, with watches; what was
  // asked before may be unanswered for ever if the session expired in between.
  virtual void on_session_state(zk_state state) = 0;

  // A watch fired (they fire once): something about this node changed. Relative to the chroot.
  virtual void on_node_event(std::string_view path) = 0;

 protected:
  ~zk_listener() = default;
};

// Life: made and destroyed on the executor's thread, or while that does not run; destroyed before
//   the io_context. An open session is outstanding work, as a pending read on a socket is.
// Confined to: the executor's thread, which is one thread. counters(): any thread.
// Blocking: zookeeper_close tells the server and joins threads, so it and zookeeper_init run on a
//   thread of the session's own. Only close() waits for it, and not for long. Names are looked up
//   before, by zk_servers: nothing here waits for a name server.
// Bounds: requests in flight are what its users ask for; see limits::backends_max.
// Paths are relative to the chroot and begin with '/'. Handlers run on the executor, never inside
// the call that took them, and not at all if the session they belong to has ended.
class zk_session {
 public:
  using done_handler = std::function<void(boost::system::error_code)>;
  using data_handler =
      std::function<void(boost::system::error_code, const std::string& data, const zk_stat&)>;
  using acl_handler = std::function<void(boost::system::error_code,
                                         const std::vector<zk_acl_entry>& entries, const zk_stat&)>;
  using children_handler = std::function<void(
      boost::system::error_code, const std::vector<std::string>& names, const zk_stat&)>;

  // Throws std::system_error if its thread cannot be made.
  zk_session(boost::asio::any_io_executor executor, zk_session_options options);
  ~zk_session();  // close()
  zk_session(const zk_session&) = delete;
  zk_session& operator=(const zk_session&) = delete;

  // `earlier`: of a session that another process had, and has left without an end; this one goes on
  // with it if it still lives. An id of 0: a new one.
  void start(const zk_credentials& earlier = {});

  // Ends the session, and with it its ephemeral nodes at once, if a server can be reached. Final;
  // blocks until the C client's threads are gone, close_wait at the most.
  void close();

  // ZooKeeper takes a good-bye in milliseconds. Without an answer the session ends by itself.
  static constexpr std::chrono::milliseconds close_wait{1'000};

  zk_state state() const { return state_; }

  // Of the session connected last; zeros before the first and after an expiry.
  const zk_credentials& credentials() const { return credentials_; }
  // How long the session lasts without a word of ours, as ZooKeeper said when it was last
  // connected.
  std::chrono::milliseconds granted_timeout() const { return granted_timeout_; }

  const std::string& chroot() const { return options_.address.chroot; }
  shard_counters& counters() { return counters_; }
  const shard_counters& counters() const { return counters_; }
  const boost::asio::any_io_executor& executor() const { return executor_; }

  void add_listener(zk_listener& listener);
  void remove_listener(zk_listener& listener);

  using created_handler = std::function<void(boost::system::error_code, const std::string& path)>;

  // Each leaves a watch, also on failure where ZooKeeper does: get_data not on a node that is
  // absent.
  void get_data(const std::string& path, data_handler handler);
  // Without a watch: for lists that change with each member of a large fleet.
  void get_children(const std::string& path, children_handler handler, bool leaves_watch = true);

  // Leaves a watch whether the node is there or not; absent is zk_errc::no_node.
  void exists(const std::string& path, done_handler handler);

  void get_acl(const std::string& path, acl_handler handler);

  // With an identity: everybody may read it, only that identity change it.
  void create_ephemeral(const std::string& path, const std::string& data, done_handler handler);

  // As create_ephemeral, of a name that ZooKeeper completes: `path` and ten digits, which grow with
  // each node of that parent.
  void create_ephemeral_sequential(const std::string& path, const std::string& data,
                                   created_handler handler);

  // With every parent, the chroot's own nodes included. Nodes that exist are no error, and stay as
  // they are. With an identity: everybody may read them; only that identity may change them and,
  // but for the chroot's, add children.
  void create_persistent(const std::string& path, done_handler handler);

  // Persistent, and for the session's digest identity alone. Its parent must be there.
  void create_private(const std::string& path, const std::string& data, done_handler handler);

  void set_data(const std::string& path, const std::string& data, std::int32_t version,
                done_handler handler);
  void remove(const std::string& path, std::int32_t version, done_handler handler);

  // Writes `path` if the node `held` is there, both judged by ZooKeeper's leader at one moment:
  // whoever has lost its session cannot write any more, whatever it believes.
  void set_data_while(const std::string& held, const std::string& path, const std::string& data,
                      done_handler handler);

  // Removes the node of this version and creates our ephemeral one, both or neither.
  void replace_by_ephemeral(const std::string& path, std::int32_t version, const std::string& data,
                            done_handler handler);

 private:
  struct gate;
  struct handle;
  struct reply;
  struct request;
  struct callbacks;

  void open();
  void open_at(const std::vector<std::string>& servers, const zk_credentials& earlier);
  void tell_unresolved(const std::string& mistakes);
  void look_again();
  void move_to(const std::vector<std::string>& servers);
  void retire();
  void on_opened(int error);
  void on_session_event(int raw_state);
  void on_connected();
  void add_identity();
  void on_expired();
  void reopen_later();
  void set_state(zk_state state);
  void tell_away_after(std::chrono::milliseconds delay);
  void each_listener(const std::function<void(zk_listener&)>& call);
  const ACL_vector* acl_of_nodes() const;
  const ACL_vector* acl_of_chroot() const;
  std::string absolute(const std::string& path) const { return options_.address.chroot + path; }
  void create(const std::string& path, const std::string& data, const ACL_vector* acl, int flags,
              created_handler handler);
  void create_from(std::string path, std::size_t searched, done_handler handler);
  template <class Start>
  void submit(std::function<void(boost::system::error_code, const reply&)> handler, Start start);

  // Constant after construction.
  const boost::asio::any_io_executor executor_;
  const zk_session_options options_;

  // Any thread.
  shard_counters counters_;

  // The executor's thread only.
  zk_state state_ = zk_state::stopped;
  zk_credentials credentials_;
  std::chrono::milliseconds granted_timeout_{0};
  std::vector<zk_listener*> listeners_;
  std::shared_ptr<handle> handle_;
  boost::asio::steady_timer reopen_timer_;
  boost::asio::steady_timer away_timer_;
  boost::asio::steady_timer look_timer_;
  zk_servers servers_;
  std::string unresolved_said_;  // since it was connected last
  backoff reopen_backoff_;
  struct {
    log_pace failures{1, std::chrono::minutes(1)};
    log_pace unresolved{3, std::chrono::minutes(1)};
    log_pace moved{3, std::chrono::minutes(1)};
    log_pace silence{1, std::chrono::minutes(1)};
    log_pace identity{1, std::chrono::minutes(1)};
    log_pace connected{20, std::chrono::minutes(1)};
    log_pace away{20, std::chrono::minutes(1)};
    log_pace expired{20, std::chrono::minutes(1)};
  } said_;
  std::shared_ptr<gate> gate_;  // while the session is open
  blocking_thread blocking_{"zookeeper"};
  life_token life_;
};

}  // namespace presenter::shard_router
