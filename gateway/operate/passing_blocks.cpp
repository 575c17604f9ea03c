#include "gateway/operate/passing_blocks.hpp"

#include <sys/mman.h>

namespace presenter::gateway {

passing_blocks::passing_blocks(std::size_t blocks_max) {
  const std::size_t bytes = blocks_max * block_bytes;
  void* const range = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) return;
  // So that putting back never allocates. Untouched, it costs addresses only.
  free_.reserve(blocks_max);
  free_bare_.reserve(blocks_max);
  begin_ = fresh_ = static_cast<std::byte*>(range);
  end_ = begin_ + bytes;
}

passing_blocks::~passing_blocks() {
  if (begin_ != nullptr) ::munmap(begin_, static_cast<std::size_t>(end_ - begin_));
}

void* passing_blocks::take() noexcept {
  const std::lock_guard lock(mutex_);
  for (std::vector<std::byte*>* blocks : {&free_, &free_bare_}) {
    if (blocks->empty()) continue;
    std::byte* const block = blocks->back();
    blocks->pop_back();
    return block;
  }
  if (fresh_ == end_) return nullptr;
  std::byte* const block = fresh_;
  fresh_ += block_bytes;
  return block;
}

void passing_blocks::put_back(void* block) noexcept {
  const std::lock_guard lock(mutex_);
  free_.push_back(static_cast<std::byte*>(block));
}

std::size_t passing_blocks::give_back() noexcept {
  const std::lock_guard lock(mutex_);
  const std::size_t bytes = free_.size() * block_bytes;
  for (std::byte* block : free_) {
    ::madvise(block, block_bytes, MADV_DONTNEED);
    free_bare_.push_back(block);
  }
  free_.clear();
  return bytes;
}

}  // namespace presenter::gateway
