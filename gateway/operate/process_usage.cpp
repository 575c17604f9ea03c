#include "gateway/operate/process_usage.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace presenter::gateway {
namespace {

std::uint64_t count_entries(const char* folder) {
  std::error_code ec;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator at(folder, ec), end; !ec && at != end; at.increment(ec))
    ++count;
  return count;
}

// Since Linux 6.2 the folder's size is the number of descriptors; before, it has to be counted, and
// then the count includes the one that counts.
std::uint64_t count_descriptors() {
  struct stat status {};
  if (::stat("/proc/self/fd", &status) == 0 && status.st_size > 0)
    return static_cast<std::uint64_t>(status.st_size);
  const auto count = count_entries("/proc/self/fd");
  return count == 0 ? 0 : count - 1;
}

double seconds_of(const timeval& value) {
  return static_cast<double>(value.tv_sec) + static_cast<double>(value.tv_usec) / 1e6;
}

}  // namespace

process_usage read_process_usage() {
  process_usage usage;
  const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::uint64_t virtual_pages = 0;
  std::uint64_t resident_pages = 0;
  if (std::ifstream("/proc/self/statm") >> virtual_pages >> resident_pages) {
    usage.virtual_bytes = virtual_pages * page_bytes;
    usage.resident_bytes = resident_pages * page_bytes;
  }
  usage.descriptors_open = count_descriptors();
  usage.threads = count_entries("/proc/self/task");

  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.descriptors_max = limit.rlim_cur;
  rusage times{};
  if (::getrusage(RUSAGE_SELF, &times) == 0)
    usage.cpu_seconds = seconds_of(times.ru_utime) + seconds_of(times.ru_stime);
  return usage;
}

}  // namespace presenter::gateway
