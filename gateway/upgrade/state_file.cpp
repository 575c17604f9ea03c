#include "gateway/upgrade/state_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace presenter::gateway {
namespace {

constexpr std::array<char, 4> magic{'P', 'R', 'U', 'P'};
// One part for each worker, of which a configuration has 256 at the most.
constexpr std::uint32_t parts_max = 1'024;

struct file_head {
  std::array<char, 4> magic;
  std::uint32_t version;
  std::uint32_t parts;
};

struct part_head {
  std::uint64_t bytes;
  std::uint64_t checksum;
};

boost::system::error_code last_error() {
  return {errno, boost::system::system_category()};
}

std::size_t size_of(std::span<const std::string> parts) {
  std::size_t size = sizeof(file_head);
  for (const std::string& part : parts)
    size += sizeof(part_head) + part.size();
  return size;
}

void write_all(std::byte* to, std::span<const std::string> parts) {
  const auto put = [&to](const void* from, std::size_t size) {
    std::memcpy(to, from, size);
    to += size;
  };
  const file_head head{magic, state_version, static_cast<std::uint32_t>(parts.size())};
  put(&head, sizeof head);
  for (const std::string& part : parts) {
    const part_head its{part.size(), XXH3_64bits(part.data(), part.size())};
    put(&its, sizeof its);
    put(part.data(), part.size());
  }
}

// Takes `size` bytes off the front; empty: there are not so many.
template <class Head>
bool take(std::span<const std::byte>& from, Head& head) {
  if (from.size() < sizeof head) return false;
  std::memcpy(&head, from.data(), sizeof head);
  from = from.subspan(sizeof head);
  return true;
}

}  // namespace

boost::system::result<state_file> state_file::make(std::span<const std::string> parts) {
  state_file made;
  made.descriptor_ = ::memfd_create("presenter-upgrade", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (made.descriptor_ < 0) return last_error();
  const std::size_t size = size_of(parts);
  // Takes the memory now: an error here and not a signal later.
  if (const int failed = ::posix_fallocate(made.descriptor_, 0, static_cast<off_t>(size)))
    return boost::system::error_code(failed, boost::system::system_category());
  void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, made.descriptor_, 0);
  if (at == MAP_FAILED) return last_error();
  made.bytes_ = {static_cast<std::byte*>(at), size};
  ::madvise(at, size, MADV_DONTDUMP);
  write_all(made.bytes_.data(), parts);
  // The mapping stays writable, for wipe; nobody gets another that is.
  constexpr int seals = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
  if (::fcntl(made.descriptor_, F_ADD_SEALS, seals) != 0) return last_error();
  return made;
}

state_file::state_file(state_file&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), bytes_(std::exchange(other.bytes_, {})) {}

state_file& state_file::operator=(state_file&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

state_file::~state_file() {
  wipe();
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
  if (descriptor_ >= 0) ::close(descriptor_);
}

void state_file::wipe() noexcept {
  if (!bytes_.empty()) OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

state_view::state_view(int descriptor) : descriptor_(descriptor), mistake_(read()) {}

state_view::~state_view() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  ::close(descriptor_);
}

std::string state_view::read() {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0)
    return "the state cannot be read: " + last_error().message();
  const auto size = static_cast<std::size_t>(status.st_size);
  // Without this seal it could be cut while it is read.
  const int seals = ::fcntl(descriptor_, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) return "the state is not sealed";
  void* const at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor_, 0);
  if (at == MAP_FAILED) return "the state cannot be read: " + last_error().message();
  bytes_ = {static_cast<const std::byte*>(at), size};
  ::madvise(at, size, MADV_DONTDUMP);
  std::span<const std::byte> rest = bytes_;
  file_head head{};
  if (!take(rest, head) || head.magic != magic) return "the state is no gateway's";
  if (head.version != state_version)
    return fmt::format("the state is of version {}, and this program takes version {}",
                       head.version, state_version);
  if (head.parts > parts_max) return "the state has too many parts";
  for (std::uint32_t i = 0; i < head.parts; ++i) {
    part_head its{};
    if (!take(rest, its) || its.bytes > rest.size()) return "the state is cut";
    const std::string_view part(reinterpret_cast<const char*>(rest.data()), its.bytes);
    if (XXH3_64bits(part.data(), part.size()) != its.checksum) return "the state is damaged";
    parts_.push_back(part);
    rest = rest.subspan(its.bytes);
  }
  return rest.empty() ? "" : "the state has bytes behind its end";
}

void wipe_bytes(std::string& secret) noexcept {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace presenter::gateway
