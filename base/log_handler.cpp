#include "base/log_handler.hpp"

#include <atomic>
#include <utility>

#include "base/log_target.hpp"

namespace presenter {
namespace {

struct {
  log_handler handler;  // set before the threads that read it are made
  std::atomic<log_level> least{log_level::info};
} log_target;

}  // namespace

void set_log_handler(log_handler handler, log_level least) {
  log_target.handler = std::move(handler);
  log_target.least = least;
}

void set_log_least(log_level least) {
  log_target.least = least;
}

bool is_said(log_level level) {
  return log_target.handler && level >= log_target.least.load(std::memory_order_relaxed);
}

void say_line(log_level level, std::string_view line) {
  log_target.handler(level, line);
}

}  // namespace presenter
