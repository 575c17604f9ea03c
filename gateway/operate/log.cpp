#include "gateway/operate/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <utility>

#include "base/log_handler.hpp"

namespace presenter::gateway {
namespace {

// The message itself, in one line: the pattern's %*.
class one_line_message final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    for (const char c : message.payload) {
      const auto byte = static_cast<unsigned char>(c);
      out.push_back(byte < 0x20 || byte == 0x7f ? '?' : c);
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<one_line_message>();
  }
};

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

void init_logging(log_level level) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<one_line_message>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %*");
  auto logger = std::make_shared<spdlog::logger>("presenter",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(std::move(formatter));
  logger->set_level(spdlog_level_of(level));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
  set_log_handler(write_library_line, least_of_libraries(level));
}

void set_log_level(log_level level) {
  spdlog::set_level(spdlog_level_of(level));
  set_log_least(least_of_libraries(level));
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

}  // namespace presenter::gateway
