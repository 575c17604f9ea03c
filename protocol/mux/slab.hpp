// Objects of one type side by side, in chunks that hold nothing else. For what lives long and is
// many: among short-lived memory (TLS handshakes, at a gateway) each such object would hold on to a
// page of it.
#pragma once

#include <boost/pool/pool.hpp>
#include <new>
#include <utility>

namespace presenter::protocol {

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
      return new (place) T(std::forward<Arguments>(arguments)...);
    } catch (...) {
      pool_.free(place);
      throw;
    }
  }

  void destroy(T* object) {
    object->~T();
    pool_.free(object);
  }

 private:
  static constexpr std::size_t objects_first = 16;
  static constexpr std::size_t objects_per_chunk_max = 64;
  static_assert(alignof(T) <= alignof(std::max_align_t));

  boost::pool<boost::default_user_allocator_malloc_free> pool_;
};

}  // namespace presenter::protocol
