// How far a backend's drain is, as gateways tell it: looks at their /shards pages and knows when
// none of them has a stream of it left. Without I/O: whoever asks the gateways passes each page on.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace presenter::ctl {

class drain_watch {
 public:
  // `instance`: of the process that was told to drain. Another one under its name, which a
  // supervisor may have started meanwhile, is not waited for.
  drain_watch(std::string name, std::string instance, std::size_t gateways);

  // Of the gateway of this number. Throws json::exception for a page of another kind.
  void on_page(std::size_t gateway, const nlohmann::json& page);

  // Every gateway has been told of the drain, and has no stream of it any more.
  bool is_empty() const;
  // A gateway that knew of the drain has the backend up again.
  bool is_taken_back() const { return is_taken_back_; }

  // As far as the gateways are known.
  std::int64_t streams() const;
  // Until all moves of the slowest gateway are made, those from other backends as well.
  double eta_seconds() const;
  // No backend is up: nobody is moved, because there is nowhere to go.
  bool has_nowhere_to_go() const { return has_nowhere_to_go_; }

 private:
  enum class state { unknown, uninformed, draining, over };
  struct view {
    state is = state::unknown;
    std::int64_t streams = 0;
    double eta_seconds = 0;
  };

  void on_entry(view& seen, const nlohmann::json& entry);

  const std::string name_;
  const std::string instance_;
  std::vector<view> gateways_;
  bool is_taken_back_ = false;
  bool has_nowhere_to_go_ = false;
};

}  // namespace presenter::ctl
