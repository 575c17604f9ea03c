// Memory for what is large and gone in a moment: OpenSSL's record buffers and handshake messages,
// 16 to 22 KiB each. In malloc's heap they leave holes among what stays, and each client that
// OpenSSL keeps would cost 3 to 5 KiB more than it holds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace presenter::gateway {

// Blocks of one size in a range of addresses of their own. Freed blocks are used again, last freed
// first, and their pages go back to the system when give_back is called.
// Life: not ended before the last block. Any thread. Bounds: `blocks_max`, then there are no more.
class passing_blocks {
 public:
  static constexpr std::size_t block_bytes = 24 * 1'024;  // whole pages

  // Takes addresses only. Without them (a limit of the process) there are no blocks.
  explicit passing_blocks(std::size_t blocks_max);
  ~passing_blocks();
  passing_blocks(const passing_blocks&) = delete;
  passing_blocks& operator=(const passing_blocks&) = delete;

  // nullptr: there are no more. Not initialized.
  void* take() noexcept;
  void put_back(void* block) noexcept;
  bool holds(const void* memory) const noexcept {
    const auto* at = static_cast<const std::byte*>(memory);
    return at >= begin_ && at < end_;
  }

  // Returns how many bytes of free blocks have gone back to the system.
  std::size_t give_back() noexcept;

 private:
  std::byte* begin_ = nullptr;
  std::byte* end_ = nullptr;
  std::mutex mutex_;
  std::byte* fresh_ = nullptr;         // from here on no block was ever taken
  std::vector<std::byte*> free_;       // with pages of their own; room for all from the beginning
  std::vector<std::byte*> free_bare_;  // without
};

}  // namespace presenter::gateway
