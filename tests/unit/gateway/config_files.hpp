// A folder of throw-away configuration files for tests: TOML text, certificates and keys made on
// the spot, removed with the object.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace presenter::gateway {

class config_files {
 public:
  config_files();  // with tls.pem and tls.key, which belong together, and shards.toml
  ~config_files();
  config_files(const config_files&) = delete;
  config_files& operator=(const config_files&) = delete;

  const std::filesystem::path& folder() const noexcept { return folder_; }

  // Writes `text` to the file; returns its path.
  std::filesystem::path write(std::string_view name, std::string_view text) const;

  // Makes a self-signed certificate `stem`.pem and its key `stem`.key; the key is encrypted if a
  // password is given.
  void make_certificate(const std::string& stem, std::string password = {}) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace presenter::gateway
