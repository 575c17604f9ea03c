#include "presenterctl/terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

namespace presenter::ctl {
namespace {

// xterm's, which every terminal of today has.
constexpr const char* other_screen = "\x1b[?1049h\x1b[?25l";
constexpr const char* first_screen = "\x1b[?25h\x1b[?1049l";
constexpr const char* to_the_top = "\x1b[H";
constexpr const char* rest_of_line = "\x1b[K";
constexpr const char* rest_of_screen = "\x1b[J";

bool put(const std::string& text) {
  return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
}

}  // namespace

terminal::terminal() {
  has_keys_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
  if (has_keys_) {
    termios keys = before_;
    keys.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO));
    ::tcsetattr(STDIN_FILENO, TCSANOW, &keys);
  }
  put(other_screen);
}

terminal::~terminal() {
  put(first_screen);
  if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

bool terminal::is_there() {
  return ::isatty(STDOUT_FILENO) == 1;
}

screen_size terminal::size() {
  winsize found{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &found) != 0 || found.ws_col == 0) return {80, 24};
  return {found.ws_col, found.ws_row};
}

bool terminal::draw(const std::string& screen) {
  std::string text = to_the_top;
  for (const char c : screen) {
    if (c == '\n') text += rest_of_line;
    text += c;
  }
  // A newline at the end of the last row would scroll.
  if (text.ends_with('\n')) text.pop_back();
  return put(text + rest_of_screen);
}

}  // namespace presenter::ctl
