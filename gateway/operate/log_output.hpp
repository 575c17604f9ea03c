// The descriptor that the log is written to, without ever waiting for it: a reader that does not
// read, a terminal that is stopped or a disk that is full costs lines, and not a worker's time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/own_descriptor.hpp"

namespace presenter::gateway {

// Does standard error lead to systemd's journal? Then a line begins with `<N>`, its priority.
// `stream`: $JOURNAL_STREAM, "device:inode"; see systemd.exec(5), sd-daemon(3).
bool is_journal(int descriptor, const char* stream);

// Lines of this process that nobody took.
inline std::atomic<std::uint64_t> log_lines_dropped{0};

// It takes bytes now: what has no descriptor of its own asks this first.
bool has_room(int descriptor);

// Confined to: its owner's lock. Bounds: the rest of one line.
class log_output {
 public:
  explicit log_output(int descriptor);

  // False: nobody takes it now, and it is not kept. What is taken in part is kept until the rest
  // has gone, ahead of the next line, so that every line is whole.
  bool write(std::string_view line);

 private:
  std::size_t take(std::string_view bytes) const;

  const int descriptor_;
  bool is_socket_ = false;
  own_descriptor own_;
  std::string rest_;
};

}  // namespace presenter::gateway
