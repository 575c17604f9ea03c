#include "shard_router/zk_identity.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "shard_router/errc.hpp"
#include "shard_router/limits.hpp"

namespace presenter::shard_router {
namespace {

struct closer {
  void operator()(FILE* file) const { std::fclose(file); }
};

bool is_identity(const std::string& text) {
  const auto colon = text.find(':');
  const bool has_both = colon != std::string::npos && colon > 0 && colon + 1 < text.size();
  return has_both &&
         std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < ' '; });
}

}  // namespace

boost::system::result<std::string> read_zk_identity(const std::filesystem::path& file) {
  const std::unique_ptr<FILE, closer> opened(std::fopen(file.c_str(), "re"));
  if (opened == nullptr) return boost::system::error_code(errno, boost::system::system_category());
  std::string text(limits::identity_bytes_max + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), opened.get()));
  if (text.size() > limits::identity_bytes_max) return errc::identity_invalid;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  if (!is_identity(text)) return errc::identity_invalid;
  return text;
}

}  // namespace presenter::shard_router
