// A seed that nobody outside can guess, for tables whose places clients must not be able to choose.
#pragma once

#include <cstdint>
#include <random>

namespace presenter {

inline std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace presenter
