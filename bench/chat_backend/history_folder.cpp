#include "bench/chat_backend/history_folder.hpp"

#include <thrift/protocol/TCompactProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include <algorithm>
#include <boost/system/errc.hpp>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <utility>

#include "protocol/limits.hpp"

namespace presenter::chat_backend {

namespace errc = boost::system::errc;

namespace {

std::string hex_of(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    hex += {digits[byte >> 4], digits[byte & 15]};
  }
  return hex;
}

std::string encode(const chat::ClientState& state) {
  const auto memory = std::make_shared<apache::thrift::transport::TMemoryBuffer>();
  apache::thrift::protocol::TCompactProtocol out(memory);
  state.write(&out);
  return memory->getBufferAsString();
}

boost::system::result<chat::ClientState> decode(std::string text) {
  const auto memory = std::make_shared<apache::thrift::transport::TMemoryBuffer>();
  memory->resetBuffer(reinterpret_cast<std::uint8_t*>(text.data()),
                      static_cast<std::uint32_t>(text.size()));
  apache::thrift::protocol::TCompactProtocol in(memory);
  chat::ClientState state;
  try {
    state.read(&in);
  } catch (const apache::thrift::TException&) {
    return errc::make_error_code(errc::bad_message);
  }
  return state;
}

}  // namespace

history_folder::history_folder(std::string path) : path_(std::move(path)) {
  std::filesystem::create_directories(path_);
}

std::string history_folder::file_of(std::string_view couple_id) const {
  return path_ + "/" + hex_of(couple_id);
}

std::optional<std::string> history_folder::couple_of(std::string_view file_name) {
  std::string couple_id;
  for (; file_name.size() >= 2; file_name.remove_prefix(2)) {
    unsigned byte = 0;
    const char* const end = file_name.data() + 2;
    if (std::from_chars(file_name.data(), end, byte, 16).ptr != end) return std::nullopt;
    couple_id += static_cast<char>(byte);
  }
  if (!file_name.empty()) return std::nullopt;
  return couple_id;
}

std::string history_folder::left_file_of(const chat::ClientState& state) const {
  return file_of(state.couple_id) + "." + hex_of(state.user_id);
}

std::string history_folder::pack(const chat::ClientState& state) const {
  std::string packed = encode(state);
  if (packed.size() <= protocol::limits::state_bytes_max || state.couple_id.empty()) return packed;
  chat::ClientState left = state;
  // Whoever finds another number has found what was left for another time.
  left.__set_left_as(static_cast<std::int64_t>(std::random_device()()));
  std::ofstream file(left_file_of(left), std::ios::binary);
  if (!(file << encode(left) << std::flush)) return packed;
  left.input.clear();
  left.output.clear();
  return encode(left);
}

boost::system::result<chat::ClientState> history_folder::unpack(std::string_view packed) const {
  auto state = decode(std::string(packed));
  if (!state || !state->__isset.left_as) return state;
  const std::string path = left_file_of(*state);
  std::ifstream file(path, std::ios::binary);
  auto left = decode(std::string(std::istreambuf_iterator<char>(file), {}));
  if (!left || !left->__isset.left_as || left->left_as != state->left_as) {
    return errc::make_error_code(errc::no_such_file_or_directory);
  }
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  return left;
}

}  // namespace presenter::chat_backend
