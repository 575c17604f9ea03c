// A growable run of bytes that is filled at the back and emptied at the front. It knows nothing of
// what the bytes mean. Memory is not zeroed, and grows only when the caller prepares more than
// fits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace presenter {

// Confined to: its owner. Bounds: the owner's; the buffer itself has none.
class byte_buffer {
 public:
  byte_buffer() = default;
  ~byte_buffer() { live_bytes_ -= static_cast<std::int64_t>(capacity_); }
  byte_buffer(byte_buffer&& other) noexcept { swap(other); }
  byte_buffer& operator=(byte_buffer&& other) noexcept {
    byte_buffer(std::move(other)).swap(*this);
    return *this;
  }

  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::size_t capacity() const { return capacity_; }

  // What all buffers of this thread hold, if they die where they grew; for showing.
  static std::int64_t live_bytes() { return live_bytes_; }

  // Valid until the next non-const call.
  std::span<const std::byte> bytes() const { return {storage_.get() + begin_, size()}; }
  std::span<std::byte> mutable_bytes() { return {storage_.get() + begin_, size()}; }

  // Room for at least `n` more bytes at the back; `commit` makes the first of them part of the
  // buffer.
  std::span<std::byte> prepare(std::size_t n) {
    if (capacity_ - end_ < n) make_room(n);
    return {storage_.get() + end_, capacity_ - end_};
  }
  void commit(std::size_t n) { end_ += n; }

  void append(std::span<const std::byte> more) {
    if (more.empty()) return;
    std::memcpy(prepare(more.size()).data(), more.data(), more.size());
    commit(more.size());
  }

  // Drops the first `n` bytes, which must be there.
  void consume(std::size_t n) {
    begin_ += n;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  void clear() { begin_ = end_ = 0; }

  // Gives the memory back; the buffer is empty afterwards.
  void release() { byte_buffer().swap(*this); }

  void swap(byte_buffer& other) noexcept {
    std::swap(storage_, other.storage_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  void make_room(std::size_t n) {
    const std::size_t used = size();
    if (capacity_ >= used + n && begin_ >= capacity_ / 2) {
      std::memmove(storage_.get(), storage_.get() + begin_, used);
    } else {
      const std::size_t capacity = std::max({used + n, capacity_ * 2, std::size_t{256}});
      auto larger = std::make_unique_for_overwrite<std::byte[]>(capacity);
      if (used != 0) std::memcpy(larger.get(), storage_.get() + begin_, used);
      storage_ = std::move(larger);
      live_bytes_ += static_cast<std::int64_t>(capacity) - static_cast<std::int64_t>(capacity_);
      capacity_ = capacity;
    }
    begin_ = 0;
    end_ = used;
  }

  inline static constinit thread_local std::int64_t live_bytes_ = 0;

  std::unique_ptr<std::byte[]> storage_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace presenter
