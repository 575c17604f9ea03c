// Publishes by a program of the operator's: it gets the whole desired state as JSON on stdin, and
// its exit status says whether that is so now. For DNS services that presenter does not know. See:
// README.md, exec.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "base/life_token.hpp"
#include "base/log_pace.hpp"
#include "base/process/child_program.hpp"
#include "gateway/balance/dns_publisher.hpp"

namespace presenter::gateway {

// One line, with its end.
std::string exec_input(const dns_state& state);

// Bounds: one process group, for the time limit at most. Its lines go to the log, at a pace.
class exec_publisher final : public dns_publisher {
 public:
  exec_publisher(boost::asio::io_context& control, std::filesystem::path program,
                 std::chrono::milliseconds timeout);

  // A state that it published last is not published again.
  void publish(const dns_state& desired, handler done) override;
  void check(handler done) override;
  std::string_view name() const noexcept override { return "exec"; }

 private:
  void on_line(std::string_view line);
  void on_end(const child_end& end, const dns_state& desired, const handler& done);
  void answer_later(publish_result result, handler done);
  publish_result find_obstacle() const;

  boost::asio::io_context& control_;
  const std::filesystem::path program_;
  const std::chrono::milliseconds timeout_;
  std::optional<child_program> run_;    // nothing: none
  std::string last_line_;               // of this run
  std::optional<dns_state> published_;  // by us; nothing: not known
  log_pace said_{20, std::chrono::seconds(10)};
  life_token life_;
};

}  // namespace presenter::gateway
