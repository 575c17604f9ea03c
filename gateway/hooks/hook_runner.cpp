#include "gateway/hooks/hook_runner.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/paced_log.hpp"
#include "gateway/hooks/hook_folder.hpp"

namespace presenter::gateway {
namespace {

hook_result result_of(const child_end& end) {
  if (end.is_timed_out) return hook_result::timed_out;
  return end.is_good() ? hook_result::done : hook_result::failed;
}

// What hooks inherit: all but the way to the service manager, to which the gateway alone speaks.
std::vector<std::string> inherited_environment() {
  auto all = own_environment();
  std::erase_if(all, [](const std::string& each) {
    return each.starts_with("NOTIFY_SOCKET=") || each.starts_with("PRESENTER_");
  });
  return all;
}

}  // namespace

hook_runner::hook_runner(boost::asio::io_context& control, const hooks_config& settings,
                         std::function<hook_subject()> subject)
    : control_(control), settings_(settings), subject_(std::move(subject)) {}

void hook_runner::run(hook_event event, done_handler done) {
  jobs_.push_back({.event = event, .done = std::move(done), .hooks = {}, .failure = {}});
  if (jobs_.size() == 1) begin_job();
}

void hook_runner::stop() {
  jobs_.clear();
  child_.reset();
}

// The folder is read at each event: a hook may be put there while the gateway runs.
void hook_runner::begin_job() {
  if (settings_.directory) {
    hook_list found = list_hooks(*settings_.directory);
    for (const std::string& mistake : found.mistakes) {
      facts_.count(jobs_.front().event, hook_result::failed);
      note_failure(mistake);
    }
    for (auto& hook : found.hooks)
      jobs_.front().hooks.push_back(std::move(hook));
  }
  step();
}

void hook_runner::step() {
  job& now = jobs_.front();
  const bool is_aborted = now.event == hook_event::starting && !now.failure.empty();
  if (!now.hooks.empty() && !is_aborted) {
    const auto hook = std::move(now.hooks.front());
    now.hooks.pop_front();
    return start_hook(hook);
  }
  const job over = std::move(now);
  jobs_.pop_front();
  if (!jobs_.empty()) begin_job();
  // Last: it may end this object.
  if (over.done) over.done(over.failure);
}

void hook_runner::start_hook(const std::filesystem::path& hook) {
  const std::string name = hook.filename().string();
  const hook_event event = jobs_.front().event;
  child_.emplace(
      control_.get_executor(),
      child_order{.arguments = {hook.string(), std::string(name_of(event))},
                  .environment = environment(event),
                  .input = {},
                  .timeout = settings_.timeout},
      [this, name](std::string_view line) {
        log_paced(lines_said_, spdlog::level::info, "hook {}: {}", name, line);
      },
      [this, name](const child_end& end) { on_hook_end(name, end); });
}

void hook_runner::on_hook_end(const std::string& name, const child_end& end) {
  facts_.count(jobs_.front().event, result_of(end));
  child_.reset();
  if (!end.is_good()) note_failure(fmt::format("{} {}", name, end.to_string()));
  step();
}

void hook_runner::note_failure(std::string failure) {
  job& now = jobs_.front();
  log_paced(failures_said_, spdlog::level::warn, "hooks.directory: at {}: {}", name_of(now.event),
            failure);
  if (now.failure.empty()) now.failure = std::move(failure);
}

std::vector<std::string> hook_runner::environment(hook_event event) const {
  const hook_subject subject = subject_();
  auto all = inherited_environment();
  all.push_back(fmt::format("PRESENTER_EVENT={}", name_of(event)));
  all.push_back(fmt::format("PRESENTER_NAME={}", subject.name));
  all.push_back(fmt::format("PRESENTER_ADDRESS={}", subject.address));
  all.push_back(fmt::format("PRESENTER_ADMIN={}", subject.admin));
  all.push_back(fmt::format("PRESENTER_CLIENTS={}", subject.clients));
  all.push_back(fmt::format("PRESENTER_PID={}", ::getpid()));
  return all;
}

}  // namespace presenter::gateway
