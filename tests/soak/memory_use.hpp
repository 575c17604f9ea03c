// What the process holds, for tests that compare before and after.
#pragma once

#include <malloc.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PRESENTER_IS_SANITIZED 1
// GCC's sanitizers have it, but not the header that declares it.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#else
#define PRESENTER_IS_SANITIZED 0
#endif

namespace presenter::testing {

inline constexpr bool is_sanitized = PRESENTER_IS_SANITIZED;

// Bytes that were allocated and not freed, in all arenas and by mmap.
inline std::size_t heap_bytes_in_use() {
#if PRESENTER_IS_SANITIZED
  return __sanitizer_get_current_allocated_bytes();
#else
  const auto all = mallinfo2();
  return all.uordblks + all.hblkhd;
#endif
}

// Under a sanitizer this is mostly the sanitizer's own, freed memory that it keeps included.
inline std::size_t resident_bytes() {
  std::size_t total_pages = 0;
  std::size_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> total_pages >> resident_pages;
  return resident_pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace presenter::testing
