#include "tests/support/allocation_count.hpp"

#include <cstdlib>
#include <new>

namespace presenter::testing {

std::size_t allocations = 0;

}  // namespace presenter::testing

void* operator new(std::size_t size) {
  ++presenter::testing::allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) {
  return ::operator new(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
