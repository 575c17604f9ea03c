// All places at which the admin endpoint of this gateway can be reached: TCP, the unix socket, and
// the one for health and metrics alone.
#pragma once

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "gateway/config/config.hpp"
#include "gateway/operate/admin_place.hpp"
#include "gateway/upgrade/process_state.hpp"

namespace presenter::gateway {

// Life: the server's. Confined to: the control thread.
class admin_places {
 public:
  // What admin.token_file has; empty: there is none. Throws std::runtime_error.
  static std::string token_of(const admin_config& settings);

  // `node`: this gateway's name. `may_wait`: see admin_place. `from`: of the process whose place
  // this one takes, or nullptr; a socket of it that is configured as before is gone on with.
  // Throws std::runtime_error with the key to blame.
  admin_places(boost::asio::io_context& control, const admin_config& settings,
               const std::string& node, const admin_content& content, bool may_wait,
               const process_state* from);

  // Nothing: there is none.
  std::optional<tcp_endpoint> address() const;
  std::optional<tcp_endpoint> metrics_address() const;
  std::optional<std::filesystem::path> socket() const;

  // Of TCP; see admin_endpoint. False: it is the one in force.
  bool set_token(std::string token);

  void hand_over(process_state& state) const;
  // The process ends.
  void stop();
  // Another process has been handed the sockets.
  void leave();

 private:
  struct handed {
    int listening;
    const std::string& address;  // as it was configured
  };
  using place = std::unique_ptr<admin_place>;

  place open(admin_spot spot, bool may_wait, std::optional<handed> from);
  place open_own_socket(const std::string& node, std::optional<handed> from);

  boost::asio::io_context& control_;
  const admin_content content_;
  log_pace said_;
  std::string token_;
  place tcp_;
  place socket_;
  place metrics_;
};

}  // namespace presenter::gateway
