// A folder of the test's own.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace presenter::tests {

// Life: made with the object, and removed with it and all that is in it.
class own_folder {
 public:
  own_folder() {
    std::string name = std::filesystem::temp_directory_path() / "presenter-test-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
    path_ = name;
  }
  ~own_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  own_folder(const own_folder&) = delete;
  own_folder& operator=(const own_folder&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

  // Of what is in it.
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace presenter::tests
