// Runs an operator's hooks: every executable of a folder, one after the other in the order of their
// names, at certain moments of the gateway's life. A hook finds what has happened in its
// environment (deploy/configuration.md, [hooks]); what it prints goes to the log.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/log_pace.hpp"
#include "base/process/child_program.hpp"
#include "gateway/config/config.hpp"
#include "gateway/operate/metrics.hpp"
#include "gateway/vocabulary/hook_event.hpp"

namespace presenter::gateway {

// What hooks are told, besides what has happened.
struct hook_subject {
  std::string name;      // of this gateway
  std::string address;   // where clients come in
  std::string admin;     // the admin endpoint; empty: there is none
  std::int64_t clients;  // now
};

// Life: the server's; destroyed or stopped, it kills the hook that runs, and calls nobody any more.
// Confined to: the control thread. Bounds: one hook at a time, hooks.timeout for each.
class hook_runner {
 public:
  // Why the first hook failed that did; empty: none did.
  using done_handler = std::function<void(const std::string& failure)>;

  hook_runner(boost::asio::io_context& control, const hooks_config& settings,
              std::function<hook_subject()> subject);

  // Behind those that run already. At `starting` the hooks behind one that fails do not run; at the
  // others they do. `done` is called behind the last, maybe at once.
  void run(hook_event event, done_handler done = nullptr);
  void stop();

  // One runs now, or is to.
  bool is_busy() const { return !jobs_.empty(); }

  const hook_facts& facts() const { return facts_; }

 private:
  struct job {
    hook_event event;
    done_handler done;
    std::deque<std::filesystem::path> hooks;  // that are still to run
    std::string failure;
  };

  void begin_job();
  void step();
  void start_hook(const std::filesystem::path& hook);
  void on_hook_end(const std::string& name, const child_end& end);
  void note_failure(std::string failure);
  std::vector<std::string> environment(hook_event event) const;

  boost::asio::io_context& control_;
  const hooks_config& settings_;
  const std::function<hook_subject()> subject_;
  std::deque<job> jobs_;  // the first is under way
  std::optional<child_program> child_;
  hook_facts facts_;
  log_pace lines_said_{20};
  log_pace failures_said_{10};
};

}  // namespace presenter::gateway
