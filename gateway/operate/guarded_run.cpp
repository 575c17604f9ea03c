#include "gateway/operate/guarded_run.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>

#include "gateway/operate/log_line.hpp"
#include "gateway/operate/log_output.hpp"

namespace presenter::gateway {
namespace {

constexpr int exit_failure = 1;

std::atomic<bool> is_json{false};
std::atomic<bool> is_with_priority{false};

// It stands there as it is, also in JSON.
bool is_no_plain_text(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte >= 0x7f || (is_json && (c == '"' || c == '\\'));
}

[[noreturn]] void on_terminate() {
  std::array<char, 16> name{"a thread"};
  ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  if (std::current_exception() == nullptr) {
    write_critical(name.data(), "ended without an exception; the process ends at once");
  } else {
    tell_exception(name.data());
    write_critical(name.data(), "nobody could catch it; the process ends at once");
  }
  std::_Exit(exit_failure);
}

}  // namespace

void name_thread(const std::string& name) {
  constexpr std::size_t shown_max = 15;
  ::pthread_setname_np(::pthread_self(), name.substr(0, shown_max).c_str());
}

void set_critical_form(log_format format, bool has_priorities) noexcept {
  is_json = format == log_format::json;
  is_with_priority = has_priorities;
}

void write_critical(std::string_view who, std::string_view what) noexcept {
  std::array<char, 1'024> line{};
  std::size_t size = 0;
  const std::string_view end = is_json ? "\"}\n" : "\n";
  const auto put = [&](std::string_view text) {
    const std::size_t n = std::min(text.size(), line.size() - end.size() - size);
    std::copy_n(text.begin(), n, line.begin() + static_cast<std::ptrdiff_t>(size));
    size += n;
  };
  if (is_with_priority) put("<2>");
  if (is_json) put("{\"time\":\"");
  size += put_time(std::span(line).subspan(size), std::chrono::system_clock::now());
  put(is_json ? "\",\"level\":\"critical\",\"message\":\"" : " critical ");
  const auto text_begin = line.begin() + static_cast<std::ptrdiff_t>(size);
  put(who);
  put(": ");
  put(what);
  std::replace_if(text_begin, line.begin() + static_cast<std::ptrdiff_t>(size), is_no_plain_text,
                  '?');
  std::ranges::copy(end, line.begin() + static_cast<std::ptrdiff_t>(size));
  size += end.size();
  if (!has_room(STDERR_FILENO)) return;
  // Nobody is left to be told that it cannot be written.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), size);
}

void tell_exception(std::string_view who) noexcept {
  try {
    throw;
  } catch (const std::exception& error) {
    std::array<char, 512> text{};
    std::snprintf(text.data(), text.size(), "failed by an exception: %s", error.what());
    write_critical(who, text.data());
  } catch (...) {
    write_critical(who, "failed by an exception that is no std::exception");
  }
}

void end_at_uncaught_exceptions() {
  std::set_terminate(&on_terminate);
}

}  // namespace presenter::gateway
