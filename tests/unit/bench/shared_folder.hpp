// A folder of histories that is gone with its test.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "bench/chat_backend/history_folder.hpp"

namespace presenter::chat_backend {

class shared_folder {
 public:
  shared_folder() : histories(path_of_test()) {}
  ~shared_folder() { std::filesystem::remove_all(histories.path()); }
  shared_folder(const shared_folder&) = delete;
  shared_folder& operator=(const shared_folder&) = delete;

  const history_folder histories;

 private:
  static std::string path_of_test() {
    std::string pattern = testing::TempDir() + "histories-XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    return pattern;
  }
};

}  // namespace presenter::chat_backend
