// A file that is replaced whole: whoever reads it, also after the machine has lost its power, finds
// the earlier content or the new one, never a part.
#pragma once

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace presenter {

enum class file_readers : std::uint8_t {
  by_umask,  // what the process's umask leaves of everybody
  all,       // everybody, whatever the umask: the file is made for other programs
};

// A new file beside it with the ending ".new", fsync, rename, fsync of the folder. Blocks for as
// long as the disk takes. On failure the earlier file is as it was.
boost::system::error_code replace_file(const std::filesystem::path& file, std::string_view bytes,
                                       file_readers readers = file_readers::by_umask);

}  // namespace presenter
