#include "gateway/operate/admin_place.hpp"

#include <spdlog/spdlog.h>

#include <boost/system/system_error.hpp>
#include <sstream>
#include <utility>

#include "base/paced_log.hpp"

namespace presenter::gateway {
namespace {

std::string text_of(const boost::asio::ip::tcp::endpoint& address) {
  std::ostringstream text;
  text << address;
  return text.str();
}

}  // namespace

admin_place::admin_place(boost::asio::io_context& control,
                         const boost::asio::ip::tcp::endpoint& address, admin_content content,
                         bool may_wait)
    : control_(control), address_(address), content_(std::move(content)), timer_(control) {
  try {
    open();
  } catch (const boost::system::system_error& error) {
    if (!may_wait || error.code() != boost::asio::error::address_in_use) throw;
    log_paced(said_, spdlog::level::warn,
              "admin.address: {} is taken, by the other gateway perhaps; clients are "
              "served, and it is tried again every second",
              text_of(address_));
    try_later();
  }
}

admin_place::admin_place(boost::asio::io_context& control,
                         const boost::asio::ip::tcp::endpoint& address, admin_content content,
                         int listening)
    : control_(control),
      address_(address),
      content_(std::move(content)),
      timer_(control),
      endpoint_(std::make_unique<admin_endpoint>(control, listening, content_)) {}

boost::asio::ip::tcp::endpoint admin_place::local_endpoint() const {
  return is_open() ? endpoint_->local_endpoint() : address_;
}

void admin_place::open() {
  endpoint_ = std::make_unique<admin_endpoint>(control_, address_, content_);
}

void admin_place::try_later() {
  timer_.expires_after(retry_interval);
  timer_.async_wait([this](boost::system::error_code cancelled) {
    if (cancelled) return;
    try {
      open();
      spdlog::info("admin.address: {} is free, and answered by this gateway now",
                   text_of(address_));
    } catch (const boost::system::system_error& error) {
      log_paced(said_, spdlog::level::warn, "admin.address: cannot listen on {}: {}",
                text_of(address_), error.code().message());
      try_later();
    }
  });
}

void admin_place::stop() {
  timer_.cancel();
  if (is_open()) endpoint_->stop();
}

}  // namespace presenter::gateway
