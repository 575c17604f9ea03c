// Objects of one type side by side, in chunks that hold nothing else. For what lives long and is
// many: among short-lived memory (TLS handshakes, at a gateway) each such object would hold on to a
// page of it.
#pragma once

#include <algorithm>
#include <boost/pool/pool.hpp>
#include <cstddef>
#include <new>
#include <utility>

namespace presenter {

// Life: outlives its objects. Confined to: one thread.
// Bounds: the most objects there ever were, and one chunk; chunks are kept until the slab dies.
template <class T>
class slab {
 public:
  slab() : pool_(sizeof(T), objects_first, objects_per_chunk_max) {}

  // Throws std::bad_alloc, or what the constructor throws.
  template <class... Arguments>
  T* make(Arguments&&... arguments) {
    void* const place = pool_.malloc();
    if (place == nullptr) throw std::bad_alloc();
    try {
      T* const made = new (place) T(std::forward<Arguments>(arguments)...);
      peak_ = std::max(peak_, ++size_);
      return made;
    } catch (...) {
      pool_.free(place);
      throw;
    }
  }

  void destroy(T* object) {
    object->~T();
    pool_.free(object);
    --size_;
  }

  // What it keeps, but for less than a chunk.
  std::size_t bytes() const { return peak_ * sizeof(T); }

 private:
  static constexpr std::size_t objects_first = 16;
  static constexpr std::size_t objects_per_chunk_max = 64;
  static_assert(alignof(T) <= alignof(std::max_align_t));

  boost::pool<boost::default_user_allocator_malloc_free> pool_;
  std::size_t size_ = 0;
  std::size_t peak_ = 0;  // of size_
};

}  // namespace presenter
