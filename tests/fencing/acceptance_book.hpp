// What really happened: every map there ever was, and who served which key when, under which epoch.
// Holds that against the guarantees of shard_router/README.md §5; shares nothing with the code that
// gives them but the map itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "shard_router/shard_map.hpp"

namespace presenter::testing {

using sim_time = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

// What a schedule promises, and so what can be asked of it.
struct book_rules {
  milliseconds settle;
  bool is_calm = true;     // every map reaches every backend within `settle`
  bool is_strict = false;  // who loses a key ends its streams at once
};

// One life of a process, "chat-a/3".
inline std::string process_of(const shard_router::backend_entry& backend) {
  return backend.name + "/" + backend.instance;
}

class acceptance_book {
 public:
  acceptance_book(std::vector<std::string> keys, book_rules rules)
      : keys_(std::move(keys)), rules_(rules) {}

  // ZooKeeper has this map from now on.
  void publish(const shard_router::shard_map_ptr& map, sim_time now);

  // `by`: epoch of the map that the process has now. `asked`: of the Open.
  void accept(std::uint64_t stream, const std::string& key, const std::string& process,
              std::int64_t by, std::int64_t asked, sim_time now);
  void end(std::uint64_t stream) { services_.erase(stream); }

  // How often the key's owner has changed since `settle` before that time.
  std::size_t changes(const std::string& key, sim_time since) const;

  // The first thing that was wrong; empty: nothing.
  const std::string& finding() const { return finding_; }
  std::uint64_t overlaps() const { return overlaps_; }
  std::uint64_t excused() const { return excused_; }

 private:
  struct service {
    std::string key;
    std::string process;
    std::int64_t epoch;
  };
  struct change {
    sim_time at;
    std::string owner;
  };

  void find(const std::string& what, const service& made);
  bool is_flapping(const std::string& key, sim_time now) const;
  void compare(const service& made, const service& other, sim_time now);

  const std::vector<std::string> keys_;
  const book_rules rules_;
  std::map<std::int64_t, shard_router::shard_map_ptr> maps_;
  std::map<std::string, std::vector<change>> owners_;  // of each key, oldest first
  std::map<std::pair<std::string, std::int64_t>, std::string> acceptors_;  // of key and epoch
  std::map<std::uint64_t, service> services_;
  std::string finding_;
  std::uint64_t overlaps_ = 0;
  std::uint64_t excused_ = 0;
};

}  // namespace presenter::testing
