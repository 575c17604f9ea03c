#include "gateway/operate/admin_place.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <filesystem>
#include <system_error>
#include <utility>
#include <variant>

#include "base/paced_log.hpp"

namespace presenter::gateway {

admin_place::admin_place(boost::asio::io_context& control, admin_spot spot, admin_content content,
                         bool may_wait)
    : control_(control), spot_(std::move(spot)), content_(std::move(content)), timer_(control) {
  try {
    open();
  } catch (const boost::system::system_error& error) {
    if (!may_wait || error.code() != boost::asio::error::address_in_use) throw;
    log_paced(said_, spdlog::level::warn,
              "{}: {} is taken, by the other gateway perhaps; clients are "
              "served, and it is tried again every second",
              spot_.key, text_of(spot_.address));
    try_later();
  }
}

admin_place::admin_place(boost::asio::io_context& control, admin_spot spot, admin_content content,
                         int listening)
    : control_(control),
      spot_(std::move(spot)),
      content_(std::move(content)),
      timer_(control),
      endpoint_(std::make_unique<admin_endpoint>(control, listening, content_, admin_limits{},
                                                 spot_.rules)),
      file_(file_of(spot_.address)) {}

std::optional<boost::asio::ip::tcp::endpoint> admin_place::tcp_endpoint() const {
  const auto* configured = std::get_if<boost::asio::ip::tcp::endpoint>(&spot_.address);
  if (configured == nullptr) return std::nullopt;
  return is_open() ? endpoint_->local_endpoint() : *configured;
}

void admin_place::open() {
  const int listening = listen_on(spot_.address);
  file_ = file_of(spot_.address);
  endpoint_ =
      std::make_unique<admin_endpoint>(control_, listening, content_, admin_limits{}, spot_.rules);
}

void admin_place::try_later() {
  timer_.expires_after(retry_interval);
  timer_.async_wait([this](boost::system::error_code cancelled) {
    if (cancelled) return;
    try {
      open();
      spdlog::info(fmt::format("{}: {} is free, and answered by this gateway now", spot_.key,
                               text_of(spot_.address)));
    } catch (const boost::system::system_error& error) {
      log_paced(said_, spdlog::level::warn, "{}: cannot listen on {}: {}", spot_.key,
                text_of(spot_.address), error.code().message());
      try_later();
    }
  });
}

void admin_place::set_token(const std::string& token) {
  spot_.rules.token = token;
  if (is_open()) endpoint_->set_token(token);
}

void admin_place::stop() {
  const bool is_ours = is_open() && file_ && file_ == file_of(spot_.address);
  timer_.cancel();
  if (is_open()) endpoint_->stop();
  std::error_code ignored;
  if (is_ours) std::filesystem::remove(std::get<std::filesystem::path>(spot_.address), ignored);
  file_.reset();
}

void admin_place::leave() {
  timer_.cancel();
  if (is_open()) endpoint_->leave();
}

}  // namespace presenter::gateway
