// What people and programs write into ZooKeeper and files: a server's znode, a saved map, a map
// file, an ensemble's address. One byte chooses the reader, the rest is the text.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "shard_router/map_file.hpp"
#include "shard_router/shard_map_codec.hpp"
#include "shard_router/zk_address.hpp"
#include "tests/fuzz/byte_script.hpp"
#include "tests/fuzz/check.hpp"

namespace presenter::fuzz {
namespace {

using namespace shard_router;

void check_limits(const backend_entry& backend) {
  PRESENTER_FUZZ_CHECK(is_backend_name(backend.name));
  PRESENTER_FUZZ_CHECK(!backend.host.empty() && backend.host.size() <= limits::host_bytes_max);
  PRESENTER_FUZZ_CHECK(backend.port != 0);
  PRESENTER_FUZZ_CHECK(backend.weight >= limits::weight_min &&
                       backend.weight <= limits::weight_max);
  PRESENTER_FUZZ_CHECK(backend.instance.size() <= limits::instance_bytes_max);
}

void check_server(std::string_view text) {
  const auto decoded = decode_backend("chat-1", text);
  if (!decoded) return;
  check_limits(*decoded);
  const auto again = decode_backend("chat-1", encode_backend(*decoded));
  PRESENTER_FUZZ_CHECK(again && *again == *decoded);
}

// Every key has an owner if anybody is up, and it is one of them.
void check_map(const shard_map& map) {
  const backend_entry* owner = map.owner("some key");
  bool is_any_up = false;
  for (const backend_entry& each : map.backends()) {
    check_limits(each);
    PRESENTER_FUZZ_CHECK(map.find(each.name) == &each);
    is_any_up = is_any_up || each.state == backend_state::up;
  }
  PRESENTER_FUZZ_CHECK((owner != nullptr) == is_any_up);
}

void check_saved_map(std::string_view text) {
  const auto decoded = decode_map(text);
  if (!decoded) return;
  check_map(*decoded->map);
  const auto again = decode_map(encode_map(*decoded->map));
  PRESENTER_FUZZ_CHECK(again && again->map->epoch() == decoded->map->epoch());
  PRESENTER_FUZZ_CHECK(again->map->backends() == decoded->map->backends());
  PRESENTER_FUZZ_CHECK(again->refused.empty());
}

void check_map_file(std::string_view text) {
  // A file without a disk.
  static const int file = ::memfd_create("shards.toml", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  PRESENTER_FUZZ_CHECK(::ftruncate(file, 0) == 0);
  PRESENTER_FUZZ_CHECK(::pwrite(file, text.data(), text.size(), 0) ==
                       static_cast<ssize_t>(text.size()));
  const map_file_result loaded = load_map_file(path);
  PRESENTER_FUZZ_CHECK((loaded.map == nullptr) == !loaded.errors.empty());
  for (const map_file_error& error : loaded.errors)
    PRESENTER_FUZZ_CHECK(!error.text.empty() && !error.to_string().empty());
  if (loaded.map != nullptr) check_map(*loaded.map);
}

void check_address(std::string_view text) {
  const auto parsed = parse_zk_address(text);
  if (!parsed) return;
  PRESENTER_FUZZ_CHECK(!parsed->servers.empty());
  PRESENTER_FUZZ_CHECK(parsed->servers.find('/') == std::string::npos);
  PRESENTER_FUZZ_CHECK(parsed->chroot.empty() || parsed->chroot.size() > 1);
  PRESENTER_FUZZ_CHECK(text.starts_with(parsed->servers + parsed->chroot));
  const auto again = parse_zk_address(parsed->servers + parsed->chroot);
  PRESENTER_FUZZ_CHECK(again && *again == *parsed);
}

}  // namespace
}  // namespace presenter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace presenter::fuzz;
  // Longer texts only make larger rings.
  if (size > 2'048) return 0;
  byte_script script(data, size);
  const unsigned reader = script.byte();
  const auto text = as_text(script.all());
  switch (reader & 3U) {
    case 0:
      check_server(text);
      break;
    case 1:
      check_saved_map(text);
      break;
    case 2:
      check_map_file(text);
      break;
    default:
      check_address(text);
      break;
  }
  return 0;
}
