// ZooKeeper → shard map: watches <chroot>/servers and every backend's data, and publishes a new
// immutable map whenever they have changed. Reads only: backends make the nodes. What ZooKeeper
// does wrong stops here: while it is away, or says that most of the fleet is gone, the last map
// stays in force.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/life_token.hpp"
#include "shard_router/errc.hpp"
#include "shard_router/map_guard.hpp"
#include "shard_router/router.hpp"
#include "shard_router/zk_session.hpp"

namespace presenter::shard_router {

struct zk_watcher_options {
  // Changes within this time after the first make one new map; a deploy is many changes.
  std::chrono::milliseconds debounce{100};

  // How long a map that lacks more than half of the backends is held back. 0: not at all; maps with
  // nobody up are held for ever all the same. See map_guard.
  std::chrono::milliseconds hold{30'000};

  // How long the map waits for an entry that has become unreadable: its backend, which watches it,
  // writes it again.
  std::chrono::milliseconds mend{3'000};

  // Between attempts at reading that fail although the session lives.
  std::chrono::milliseconds retry{1'000};

  // Where the last map is kept over restarts; empty: nowhere. See saved_map.hpp.
  std::filesystem::path saved_map;

  // Says so when nobody has ever registered. Not for one that is about to.
  bool tells_absent = true;
};

// Life: shorter than the session and the router it was given.
// Confined to: the session's executor, where router.publish() is called.
// Bounds: limits::backends_max backends of limits::weights_total_max; more, and the last map stays.
class zk_watcher final : public zk_listener {
 public:
  zk_watcher(zk_session& session, router& router, zk_watcher_options options = {});
  ~zk_watcher();  // stop()
  zk_watcher(const zk_watcher&) = delete;
  zk_watcher& operator=(const zk_watcher&) = delete;

  // Publishes the saved map, if there is one and no other, and then what ZooKeeper says, as soon as
  // the session is connected. The session may be started before or after.
  void start();

  // Nothing is published any more; the router keeps its map.
  void stop();

  // The map that was read last and may not take the place of the one in force; nullptr:
  // none is held.
  const shard_map_ptr& held() const { return held_; }

 private:
  // What is known of one child of servers_path.
  struct child {
    bool is_fresh = false;  // read, and its watch has not fired since
    bool is_valid = false;
    std::int64_t mzxid = 0;
    std::int64_t owner = 0;                              // session
    std::chrono::steady_clock::time_point mend_until{};  // while it is not valid, but was
    backend_entry read;
  };

  void on_session_state(zk_state state) override;
  void on_node_event(std::string_view path) override;

  void read_all_again();
  void read_after(std::chrono::steady_clock::duration delay);
  void read();
  void on_children(boost::system::error_code failed, const std::vector<std::string>& names,
                   const zk_stat& stat);
  void update_children(const std::vector<std::string>& names);
  void read_stale_children();
  void on_child(const std::string& name, boost::system::error_code failed, const std::string& data,
                const zk_stat& stat);
  void decode_child(const std::string& name, const std::string& data, const zk_stat& stat,
                    child& entry);
  void refuse_child(std::string_view name, boost::system::error_code why, child& entry);
  void read_next_child();
  void on_confirmation(boost::system::error_code failed, const std::string& data);
  void on_no_backends();
  bool waits_for_mending();
  void on_read_failed(boost::system::error_code failed);
  void finish_read();
  shard_map_ptr make_map();  // nullptr: refused
  void refuse(std::string_view what, errc why);
  void offer(shard_map_ptr map);
  void hold(shard_map_ptr map, map_guard::verdict verdict);
  void tell_held();
  void publish(shard_map_ptr map);
  void load_saved();
  void save(const shard_map& map);

  zk_session& session_;
  router& router_;
  const zk_watcher_options options_;
  shard_counters& counters_;
  map_guard guard_;

  // One timer for whatever makes us read next, whichever is first.
  boost::asio::steady_timer read_timer_;
  boost::asio::steady_timer hold_timer_;
  boost::asio::steady_timer mend_timer_;
  bool is_waiting_ = false;

  std::map<std::string, child, std::less<>> children_;
  std::int64_t servers_pzxid_ = 0;
  bool is_reading_ = false;
  bool has_changed_ = false;  // while reading
  bool has_started_ = false;
  unsigned inconsistent_reads_ = 0;
  shard_map_ptr held_;
  struct {
    log_pace confirmation{1, std::chrono::minutes(1)};
    log_pace absent{1, std::chrono::minutes(1)};
    log_pace unread{1, std::chrono::minutes(1)};
    log_pace unsaved{1, std::chrono::minutes(1)};
    log_pace children{10, std::chrono::minutes(1)};
    log_pace refused{2, std::chrono::minutes(1)};
    log_pace held{10, std::chrono::minutes(1)};
    log_pace published{60, std::chrono::minutes(1)};
  } said_;
  std::vector<std::string> stale_;  // children yet to be asked for
  std::size_t answers_awaited_ = 0;
  boost::system::error_code read_error_;

  life_token life_;   // of this object
  life_token reads_;  // of one attempt at reading: renewed when its answers are wanted no more
};

}  // namespace presenter::shard_router
