// What a process hands over besides descriptors, in memory that has a descriptor of its own
// (memfd_create(2)) and no name in any file system. It has secrets: keys of clients' records and of
// tickets. Once made nobody can change it but whoever made it, and that one wipes it.
//
//   "PRUP" · u32 version · u32 parts · for each part: u64 bytes · u64 checksum · the bytes
//
// Numbers are of this machine's order, for the file never leaves it; the checksum is XXH3. Part 0
// is the process (process_codec), each further one a worker (worker_codec).
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace presenter::gateway {

// Of the layout above, of all parts, and of how they are handed over. It grows only when an older
// program would misunderstand what it reads; what it may leave out is added to the Thrift structs
// without.
inline constexpr std::uint32_t state_version = 2;

// Life: wiped and closed when it dies.
class state_file {
 public:
  // The error is the system's: no memory, no descriptor.
  static boost::system::result<state_file> make(std::span<const std::string> parts);

  state_file(state_file&& other) noexcept;
  state_file& operator=(state_file&& other) noexcept;
  ~state_file();

  int descriptor() const { return descriptor_; }
  std::size_t size() const { return bytes_.size(); }

  // Zeros for everybody who looks, also in other processes. Idempotent.
  void wipe() noexcept;

 private:
  state_file() = default;

  int descriptor_ = -1;
  std::span<std::byte> bytes_;  // mapped
};

// The same in the process that is handed it. Life: unmapped and closed when it dies.
class state_view {
 public:
  // The descriptor becomes this object's.
  explicit state_view(int descriptor);
  ~state_view();
  state_view(const state_view&) = delete;
  state_view& operator=(const state_view&) = delete;

  // Empty: it is as it should be.
  const std::string& mistake() const { return mistake_; }
  // Valid for as long as this object, and until the other process wipes them.
  const std::vector<std::string_view>& parts() const { return parts_; }

 private:
  std::string read();

  int descriptor_;
  std::span<const std::byte> bytes_;
  std::vector<std::string_view> parts_;
  std::string mistake_;
};

// Zeros over its bytes.
void wipe_bytes(std::string& secret) noexcept;

}  // namespace presenter::gateway
