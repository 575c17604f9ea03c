#include "gateway/operate/log.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/log_handler.hpp"
#include "gateway/operate/guarded_run.hpp"
#include "gateway/operate/log_line.hpp"
#include "gateway/operate/log_output.hpp"

namespace presenter::gateway {
namespace {

// The priority of syslog.
char priority_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::critical:
      return '2';
    case spdlog::level::err:
      return '3';
    case spdlog::level::warn:
      return '4';
    case spdlog::level::info:
      return '6';
    default:
      return '7';
  }
}

class stderr_sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit stderr_sink(log_format format)
      : has_priorities_(is_journal(STDERR_FILENO, std::getenv("JOURNAL_STREAM"))),
        told_(log_lines_dropped) {
    set_format(format);
  }

  void write_record(std::string_view message, std::span<const log_field> fields) {
    const std::lock_guard lock(mutex_);
    put(spdlog::level::info, {std::chrono::system_clock::now(), {}, message, fields});
  }
  void set_format(log_format format) {
    const std::lock_guard lock(mutex_);
    format_ = format;
    set_critical_form(format, has_priorities_);
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    put(message.level, {message.time, {}, {message.payload.data(), message.payload.size()}});
  }
  void flush_() override {}

  void put(spdlog::level::level_enum level, const log_line& line) {
    if (!tell_dropped(line.time) || !write(level, line)) ++log_lines_dropped;
  }

  // In their place, as soon as there is room for it. False: there is none.
  bool tell_dropped(std::chrono::system_clock::time_point time) {
    const std::uint64_t untold = log_lines_dropped - told_;
    if (untold == 0) return true;
    const std::string text =
        std::to_string(untold) + " lines of the log were dropped: standard error did not take them";
    if (!write(spdlog::level::warn, {time, {}, text})) return false;
    told_ += untold;
    return true;
  }

  bool write(spdlog::level::level_enum level, log_line line) {
    const auto name = spdlog::level::to_string_view(level);
    line.level = {name.data(), name.size()};
    std::string text = has_priorities_ ? std::string{'<', priority_of(level), '>'} : std::string();
    text += format_line(format_, line);
    return output_.write(text);
  }

  const bool has_priorities_;
  log_format format_ = log_format::text;
  log_output output_{STDERR_FILENO};
  std::uint64_t told_;  // of log_lines_dropped
};

std::shared_ptr<stderr_sink> sink_in_force;  // set before the first thread starts

spdlog::level::level_enum spdlog_level_of(log_level level) {
  switch (level) {
    case log_level::debug:
      return spdlog::level::debug;
    case log_level::info:
      return spdlog::level::info;
    case log_level::warning:
      return spdlog::level::warn;
    case log_level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// What the libraries say.
void write_library_line(presenter::log_level level, std::string_view line) {
  switch (level) {
    case presenter::log_level::debug:
      return write_log(log_level::debug, line);
    case presenter::log_level::info:
      return write_log(log_level::info, line);
    case presenter::log_level::warning:
      return write_log(log_level::warning, line);
    case presenter::log_level::error:
      return write_log(log_level::error, line);
  }
}

presenter::log_level least_of_libraries(log_level level) {
  switch (level) {
    case log_level::debug:
      return presenter::log_level::debug;
    case log_level::info:
      return presenter::log_level::info;
    case log_level::warning:
      return presenter::log_level::warning;
    case log_level::error:
      return presenter::log_level::error;
  }
  return presenter::log_level::info;
}

}  // namespace

void init_logging(log_level level, log_format format) {
  sink_in_force = std::make_shared<stderr_sink>(format);
  auto logger = std::make_shared<spdlog::logger>("presenter", sink_in_force);
  logger->set_level(spdlog_level_of(level));
  spdlog::set_default_logger(std::move(logger));
  set_log_handler(write_library_line, least_of_libraries(level));
}

void set_log_level(log_level level) {
  spdlog::set_level(spdlog_level_of(level));
  set_log_least(least_of_libraries(level));
}

void set_log_format(log_format format) {
  if (sink_in_force != nullptr) sink_in_force->set_format(format);
}

log_level log_level_in_force() {
  for (const auto level : {log_level::debug, log_level::info, log_level::warning}) {
    if (is_logged(level)) return level;
  }
  return log_level::error;
}

bool is_logged(log_level level) {
  return spdlog::should_log(spdlog_level_of(level));
}

void write_log(log_level level, std::string_view line) {
  spdlog::log(spdlog_level_of(level), line);
}

void write_record(std::string_view message, std::span<const log_field> fields) {
  if (sink_in_force != nullptr && is_logged(log_level::info))
    sink_in_force->write_record(message, fields);
}

}  // namespace presenter::gateway
