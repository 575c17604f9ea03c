// The paths of one zoo_amulti. Of a handle whose session has just expired, version 3.8 of the C
// client gives up at the first operation, and with the second frees what an uninitialised variable
// holds: as it happens, the first one's path. So they are malloc's, and after a failure they are
// left to the client: some bytes leak at the end of a session, and no memory is freed twice.
#pragma once

#include <zookeeper/zookeeper.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

namespace presenter::shard_router {

// Life: of the call. Confined to: its thread. Bounds: two operations.
class zk_multi_paths {
 public:
  zk_multi_paths() = default;
  zk_multi_paths(const zk_multi_paths&) = delete;
  zk_multi_paths& operator=(const zk_multi_paths&) = delete;
  ~zk_multi_paths() {
    if (is_refused_) return;
    for (char* each : kept_)
      std::free(each);
  }

  // Valid until this dies.
  const char* keep(const std::string& path) {
    char* const copy = ::strdup(path.c_str());
    if (copy == nullptr) throw std::bad_alloc();
    return kept_.at(size_++) = copy;
  }

  // What zoo_amulti has answered.
  int after(int rc) {
    is_refused_ = rc != ZOK;
    return rc;
  }

 private:
  std::array<char*, 2> kept_{};
  std::size_t size_ = 0;
  bool is_refused_ = false;
};

}  // namespace presenter::shard_router
