// A descriptor that is closed with its owner.
#pragma once

#include <unistd.h>

#include <utility>

namespace presenter {

class own_descriptor {
 public:
  explicit own_descriptor(int descriptor = -1) : descriptor_(descriptor) {}
  ~own_descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  own_descriptor(own_descriptor&& other) noexcept : descriptor_(other.release()) {}
  own_descriptor& operator=(own_descriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }

  int get() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

}  // namespace presenter
