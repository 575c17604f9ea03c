#include "shard_router/saved_map.hpp"

#include "base/replaced_file.hpp"
#include "base/whole_file.hpp"
#include "shard_router/errc.hpp"
#include "shard_router/limits.hpp"

namespace presenter::shard_router {

using boost::system::error_code;

error_code save_map(const std::filesystem::path& file, const shard_map& map) {
  return replace_file(file, encode_map(map));
}

boost::system::result<decoded_map> load_saved_map(const std::filesystem::path& file) {
  const auto bytes = read_whole_file(file, limits::saved_map_bytes_max);
  if (!bytes)
    return bytes.error() == file_errc::too_large ? errc::saved_map_invalid : bytes.error();
  return decode_map(*bytes);
}

}  // namespace presenter::shard_router
