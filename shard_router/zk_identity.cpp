#include "shard_router/zk_identity.hpp"

#include <algorithm>
#include <utility>

#include "base/whole_file.hpp"
#include "shard_router/errc.hpp"
#include "shard_router/limits.hpp"

namespace presenter::shard_router {
namespace {

bool is_identity(const std::string& text) {
  const auto colon = text.find(':');
  const bool has_both = colon != std::string::npos && colon > 0 && colon + 1 < text.size();
  return has_both &&
         std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < ' '; });
}

}  // namespace

boost::system::result<std::string> read_zk_identity(const std::filesystem::path& file) {
  auto read = read_whole_file(file, limits::identity_bytes_max);
  if (!read) return read.error() == file_errc::too_large ? errc::identity_invalid : read.error();
  std::string text = std::move(*read);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  if (!is_identity(text)) return errc::identity_invalid;
  return text;
}

}  // namespace presenter::shard_router
