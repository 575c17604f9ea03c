#include "base/log_handler.hpp"

#include <utility>

#include "base/library_log.hpp"

namespace presenter {
namespace {

// Set before the threads that read it are made.
struct {
  log_handler handler;
  log_level least = log_level::info;
} log_target;

}  // namespace

void set_log_handler(log_handler handler, log_level least) {
  log_target = {std::move(handler), least};
}

bool is_said(log_level level) {
  return log_target.handler && level >= log_target.least;
}

void say_line(log_level level, std::string_view line) {
  log_target.handler(level, line);
}

}  // namespace presenter
