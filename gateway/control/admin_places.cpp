#include "gateway/control/admin_places.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <cstdlib>
#include <stdexcept>
#include <utility>
#include <variant>

#include "base/paced_log.hpp"
#include "gateway/config/admin_token.hpp"

namespace presenter::gateway {
namespace {

namespace fs = std::filesystem;

constexpr const char* socket_key = "admin.socket";

// systemd names the folder that it has made for the unit; of several the first.
fs::path runtime_folder() {
  const char* const given = std::getenv("RUNTIME_DIRECTORY");
  const std::string folders = given == nullptr ? "" : given;
  return folders.empty() ? "/run/presenter" : folders.substr(0, folders.find(':'));
}

// Nothing: there is no folder that may be written.
std::optional<fs::path> own_socket(std::string node) {
  const fs::path folder = runtime_folder();
  if (::access(folder.c_str(), W_OK | X_OK) != 0) return std::nullopt;
  std::ranges::replace(node, '/', '-');
  return folder / (node + ".sock");
}

std::string why_not(const admin_spot& spot, const boost::system::error_code& error) {
  const bool is_file = std::holds_alternative<fs::path>(spot.address);
  const std::string why = is_file && error == boost::asio::error::address_in_use
                              ? "another process answers there"
                          : is_file && error == boost::system::errc::file_exists ? "it is no socket"
                                                                                 : error.message();
  return fmt::format("{}: cannot listen on {}: {}", spot.key, text_of(spot.address), why);
}

}  // namespace

std::string admin_places::token_of(const admin_config& settings) {
  if (!settings.token_file) return {};
  if (auto token = read_admin_token(*settings.token_file)) return *token;
  throw std::runtime_error("admin.token_file: " + check_admin_token_file(*settings.token_file));
}

admin_places::admin_places(boost::asio::io_context& control, const admin_config& settings,
                           const std::string& node, const admin_content& content, bool may_wait,
                           const process_state* from)
    : control_(control), content_(content), token_(token_of(settings)) {
  const auto handed_by = [from](int process_state::*listening, std::string process_state::*where) {
    return from == nullptr ? std::nullopt : std::optional(handed{from->*listening, from->*where});
  };
  if (settings.address)
    tcp_ = open({"admin.address", *settings.address, {.token = token_}}, may_wait,
                handed_by(&process_state::admin_listener, &process_state::admin_address));
  if (settings.metrics_address)
    metrics_ = open({"admin.metrics_address",
                     *settings.metrics_address,
                     {.is_scraping_only = true, .token = {}}},
                    may_wait,
                    handed_by(&process_state::metrics_listener, &process_state::metrics_address));
  const auto of_socket = handed_by(&process_state::admin_socket, &process_state::admin_socket_path);
  if (!settings.socket.empty())
    socket_ = open({socket_key, settings.socket}, may_wait, of_socket);
  else if (!settings.is_socket_off)
    socket_ = open_own_socket(node, of_socket);
}

admin_places::place admin_places::open(admin_spot spot, bool may_wait, std::optional<handed> from) {
  if (from && from->listening >= 0 && from->address == text_of(spot.address))
    return std::make_unique<admin_place>(control_, std::move(spot), content_, from->listening);
  try {
    return std::make_unique<admin_place>(control_, spot, content_, may_wait);
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error(why_not(spot, error.code()));
  }
}

// Nobody has asked for it, so it keeps no gateway from starting. It may be the other gateway's of
// the same name, which this one replaces.
admin_places::place admin_places::open_own_socket(const std::string& node,
                                                  std::optional<handed> from) {
  const auto path = own_socket(node);
  if (!path) return nullptr;
  try {
    return open({socket_key, *path}, true, from);
  } catch (const std::runtime_error& error) {
    log_paced(said_, spdlog::level::warn, "{}; there is none", error.what());
    return nullptr;
  }
}

std::optional<tcp_endpoint> admin_places::address() const {
  return tcp_ == nullptr ? std::nullopt : tcp_->tcp_endpoint();
}

std::optional<tcp_endpoint> admin_places::metrics_address() const {
  return metrics_ == nullptr ? std::nullopt : metrics_->tcp_endpoint();
}

std::optional<fs::path> admin_places::socket() const {
  if (socket_ == nullptr || !socket_->is_open()) return std::nullopt;
  return std::get<fs::path>(socket_->address());
}

bool admin_places::set_token(std::string token) {
  if (token == token_) return false;
  token_ = std::move(token);
  if (tcp_ != nullptr) tcp_->set_token(token_);
  return true;
}

void admin_places::hand_over(process_state& state) const {
  const auto hand = [](const place& from, int& listening, std::string& where) {
    if (from == nullptr || !from->is_open()) return;
    listening = from->descriptor();
    where = text_of(from->address());
  };
  hand(tcp_, state.admin_listener, state.admin_address);
  hand(socket_, state.admin_socket, state.admin_socket_path);
  hand(metrics_, state.metrics_listener, state.metrics_address);
}

void admin_places::stop() {
  for (const place* each : {&tcp_, &socket_, &metrics_}) {
    if (*each != nullptr) (*each)->stop();
  }
}

void admin_places::leave() {
  for (const place* each : {&tcp_, &socket_, &metrics_}) {
    if (*each != nullptr) (*each)->leave();
  }
}

}  // namespace presenter::gateway
