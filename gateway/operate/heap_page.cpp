#include "gateway/operate/heap_page.hpp"

#include <fmt/format.h>
#include <malloc.h>

namespace presenter::gateway {

std::string heap_page() {
  const auto all = mallinfo2();
  return fmt::format("used_bytes {}\nfree_bytes {}\n", all.uordblks + all.hblkhd, all.fordblks);
}

}  // namespace presenter::gateway
