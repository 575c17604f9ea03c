// Publishes to a file that a name server or a script reads: the line format of CoreDNS's
// `loadbalance weighted`. See: README.md, file.
#pragma once

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <optional>
#include <string>

#include "base/life_token.hpp"
#include "gateway/balance/dns_publisher.hpp"

namespace presenter::gateway {

// Of an even share: CoreDNS takes 1 … 255.
inline constexpr int file_weight_even = 100;

// The file's whole text.
std::string weight_file_text(const dns_state& state);

// Bounds: blocks the control thread for as long as the disk takes, at most once in [dns] interval.
class file_publisher final : public dns_publisher {
 public:
  file_publisher(boost::asio::io_context& control, std::filesystem::path file);

  void publish(const dns_state& desired, handler done) override;
  void check(handler done) override;
  std::string_view name() const noexcept override { return "file"; }

 private:
  publish_result write(const dns_state& desired);
  publish_result find_obstacle() const;

  boost::asio::io_context& control_;
  const std::filesystem::path file_;
  std::optional<dns_state> published_;  // by us; nothing: not known
  life_token life_;
};

}  // namespace presenter::gateway
