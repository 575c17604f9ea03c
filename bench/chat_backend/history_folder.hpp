// The folder that all chat servers of a fleet see, in place of the database of a real service: a
// file for each couple's history, and what of a client is too long to go through a gateway.
#pragma once

#include <Chat.h>

#include <boost/system/result.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace presenter::chat_backend {

// Of a couple_id or user_id: two of them, in hexadecimal, are the name of a file.
inline constexpr std::size_t shared_name_bytes_max = 60;

// What the servers of a fleet call their one history in AuthResult: any name will do that no
// server has.
inline constexpr std::string_view shared_history_name = "(shared)";

// Confined to: its owner's thread. Bounds: a file for each couple, and one at most for each user.
class history_folder {
 public:
  // Makes the folder. Throws std::system_error if it cannot.
  explicit history_folder(std::string path);

  const std::string& path() const { return path_; }
  std::string file_of(std::string_view couple_id) const;
  // The couple whose history is in the file of that name, without its folder.
  static std::optional<std::string> couple_of(std::string_view file_name);

  // What goes through the gateway, of limits::state_bytes_max at the most where that is possible.
  // Where it is too long the packets are left in a file of the user's.
  std::string pack(const chat::ClientState& state) const;
  // The other direction. Errors: bad_message, or no_such_file_or_directory for what is no state of
  // ours, or has been taken already.
  boost::system::result<chat::ClientState> unpack(std::string_view packed) const;

 private:
  std::string left_file_of(const chat::ClientState& state) const;

  const std::string path_;
};

}  // namespace presenter::chat_backend
