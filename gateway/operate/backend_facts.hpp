// What /metrics says of single backends. There may be thousands of them, so only so many appear:
// the first by their names, which are the same at all gateways.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "gateway/operate/prometheus_text.hpp"

namespace presenter::gateway {

struct backend_gauges {
  std::uint64_t streams_open = 0;
  std::uint64_t links_up = 0;
  std::uint64_t links_suspect = 0;

  backend_gauges& operator+=(const backend_gauges& other) {
    streams_open += other.streams_open;
    links_up += other.links_up;
    links_suspect += other.links_suspect;
    return *this;
  }
};

using backends_by_name = std::map<std::string, backend_gauges, std::less<>>;

// Of one worker, who shows them now and then, to whoever asks. Any thread; never on the way of
// clients' bytes.
class shown_backends {
 public:
  void show(backends_by_name all) {
    const std::lock_guard lock(mutex_);
    all_ = std::move(all);
  }
  backends_by_name get() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  backends_by_name all_;
};

struct backend_facts {
  backends_by_name all;
  std::size_t listed_max = 0;
};

// `known`: how many backends there are.
void write_backends(prometheus_text& out, const backend_facts& facts, std::size_t known);

}  // namespace presenter::gateway
