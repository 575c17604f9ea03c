#include "gateway/moves/deposit_store.hpp"

#include <cstring>
#include <new>

namespace presenter::gateway {
namespace {

constexpr std::size_t objects_first = 16;
constexpr std::size_t objects_per_chunk_max = 64;

}  // namespace

deposit* deposit_store::keep(deposit* before, const protocol::checkpoint_frame& from) {
  const std::size_t wanted = class_of(from.state.size());
  void* place = before;  // most states are as long as the one before
  if (before == nullptr || class_of(before->state_bytes) != wanted) {
    place = allocate(wanted);
    drop(before);
  }
  auto* const kept = new (place)
      deposit{from.consumed, from.produced, static_cast<std::uint32_t>(from.state.size())};
  if (!from.state.empty()) std::memcpy(kept + 1, from.state.data(), from.state.size());
  return kept;
}

void* deposit_store::allocate(std::size_t of_class) {
  const std::size_t bytes = of_class * class_bytes;
  if (of_class >= classes) {
    void* const place = ::operator new(bytes);
    memory_bytes_ += bytes;
    return place;
  }
  size_class& in = classes_[of_class];
  if (!in.memory) in.memory.emplace(bytes, objects_first, objects_per_chunk_max);
  void* const place = in.memory->malloc();
  if (place == nullptr) throw std::bad_alloc();
  if (++in.size > in.peak) {
    in.peak = in.size;
    memory_bytes_ += bytes;
  }
  return place;
}

void deposit_store::drop(deposit* kept) {
  if (kept == nullptr) return;
  const std::size_t of_class = class_of(kept->state_bytes);
  if (of_class >= classes) {
    ::operator delete(kept);
    memory_bytes_ -= of_class * class_bytes;
    return;
  }
  --classes_[of_class].size;
  classes_[of_class].memory->free(kept);
}

}  // namespace presenter::gateway
