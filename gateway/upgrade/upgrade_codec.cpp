#include "gateway/upgrade/upgrade_codec.hpp"

#include <openssl/crypto.h>
#include <thrift/TConfiguration.h>
#include <thrift/protocol/TCompactProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TVirtualTransport.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

namespace presenter::gateway {
namespace {

namespace thrift = apache::thrift;

// Memory that is wiped before it is given back: a vector that grows leaves no copy behind.
template <class T>
struct wiping_allocator : std::allocator<T> {
  template <class U>
  struct rebind {
    using other = wiping_allocator<U>;
  };
  void deallocate(T* at, std::size_t n) {
    OPENSSL_cleanse(at, n * sizeof(T));
    std::allocator<T>::deallocate(at, n);
  }
};

class collecting_transport : public thrift::transport::TVirtualTransport<collecting_transport> {
 public:
  bool isOpen() const override { return true; }
  void write(const std::uint8_t* from, std::uint32_t size) {
    bytes_.insert(bytes_.end(), from, from + size);
  }
  const auto& bytes() const { return bytes_; }

 private:
  std::vector<std::uint8_t, wiping_allocator<std::uint8_t>> bytes_;
};

// Thrift reads each string into a buffer of its own first, which would keep what it had.
// By its full name: the short one is an alias, which names no base.
using compact = thrift::protocol::TCompactProtocolT<thrift::transport::TTransport>;

class wiped_protocol : public compact {
 public:
  wiped_protocol(std::shared_ptr<thrift::transport::TTransport> from, std::int32_t bytes)
      : compact(std::move(from), bytes, bytes) {
    // It would be made anew for a longer string, and the old one be given back as it is.
    string_buf_ = static_cast<std::uint8_t*>(std::malloc(static_cast<std::size_t>(bytes) + 1));
    if (string_buf_ == nullptr) throw std::bad_alloc();
    string_buf_size_ = bytes;
  }
  ~wiped_protocol() override { OPENSSL_cleanse(string_buf_, used_); }

  std::uint32_t readString_virt(std::string& text) override { return readBinary_virt(text); }
  std::uint32_t readBinary_virt(std::string& bytes) override {
    const std::uint32_t read = compact::readBinary(bytes);
    used_ = std::max(used_, bytes.size());
    return read;
  }

 private:
  std::size_t used_ = 0;
};

// Thrift takes the bytes that introduce a string for part of it when it looks at what is left.
constexpr int slack_bytes = 16;
constexpr std::size_t bytes_max = std::numeric_limits<std::int32_t>::max() - slack_bytes;

}  // namespace

std::string encode_struct(const thrift::TBase& made) {
  const auto collected = std::make_shared<collecting_transport>();
  compact protocol(collected);
  made.write(&protocol);
  const auto& bytes = collected->bytes();
  if (bytes.size() > bytes_max) throw std::length_error("the state has more than 2 GiB");
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void decode_struct(std::string_view bytes, thrift::TBase& into) {
  if (bytes.size() > bytes_max) throw std::length_error("more than 2 GiB");
  const auto size = static_cast<std::int32_t>(bytes.size());
  const auto config = std::make_shared<thrift::TConfiguration>(size + slack_bytes);
  // It only looks at the bytes.
  auto* const from = reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
  const auto buffer = std::make_shared<thrift::transport::TMemoryBuffer>(
      from, static_cast<std::uint32_t>(size), thrift::transport::TMemoryBuffer::OBSERVE, config);
  wiped_protocol protocol(buffer, std::max(size, 1));
  into.read(&protocol);
  if (buffer->available_read() != 0) throw std::runtime_error("there are bytes behind its end");
}

std::uint64_t amount_of(std::int64_t value) {
  if (value < 0) throw std::runtime_error("a count is negative");
  return static_cast<std::uint64_t>(value);
}

std::vector<upgrade_idl::Counter> idl_counters(const counter_values& counters) {
  std::vector<upgrade_idl::Counter> made(counters.size());
  for (std::size_t i = 0; i < made.size(); ++i) {
    made[i].name = counters[i].first;
    made[i].value = static_cast<std::int64_t>(counters[i].second);
  }
  return made;
}

counter_values counters_of(const std::vector<upgrade_idl::Counter>& read) {
  counter_values counters;
  counters.reserve(read.size());
  for (const upgrade_idl::Counter& each : read)
    counters.emplace_back(each.name, amount_of(each.value));
  return counters;
}

}  // namespace presenter::gateway
