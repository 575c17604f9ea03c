// What the tests of whole configuration files share: a folder to write them in, and what is said
// of them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/config.hpp"
#include "tests/unit/gateway/config/config_files.hpp"

namespace presenter::gateway {

// What a configuration must have, in two and three lines.
inline constexpr auto tls_lines = "[tls]\ncertificate = \"tls.pem\"\nprivate_key = \"tls.key\"\n";
inline constexpr auto shards_lines = "[shards]\nfile = \"shards.toml\"\n";

class config_fixture : public testing::Test {
 protected:
  config_result load(std::string_view text) const {
    return load_config(files_.write("presenter.toml", text));
  }

  // Without the folder, which has another name each time.
  std::vector<std::string> messages(const config_result& result) const {
    std::vector<std::string> out;
    for (const auto& error : result.errors) {
      auto text = error.to_string();
      const auto prefix = files_.folder().string() + "/";
      for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix))
        text.erase(at, prefix.size());
      out.push_back(std::move(text));
    }
    return out;
  }

  config_files files_;
};

}  // namespace presenter::gateway
