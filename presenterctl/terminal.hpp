// The terminal while a program draws on all of it: another screen without a cursor, and keys that
// come one by one. Whatever ends the program in order gives it back as it was.
#pragma once

#include <termios.h>

#include <string>

#include "presenterctl/top_screen.hpp"

namespace presenter::ctl {

// Life: on the stack, one at a time.
class terminal {
 public:
  terminal();
  ~terminal();
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;

  static bool is_there();  // standard output is one
  static screen_size size();
  // In the place of what is there. False: nobody takes it any more.
  static bool draw(const std::string& screen);

 private:
  bool has_keys_ = false;  // standard input is one as well
  termios before_{};
};

}  // namespace presenter::ctl
