#include "base/net/connector.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/net/errc.hpp"

namespace presenter::net {
namespace asio = boost::asio;
using boost::system::error_code;

endpoints interleaved(const addresses& all, std::uint16_t port) {
  addresses first, second;
  for (const auto& each : all)
    (each.is_v6() == all.front().is_v6() ? first : second).push_back(each);
  endpoints mixed;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) mixed.emplace_back(first[i], port);
    if (i < second.size()) mixed.emplace_back(second[i], port);
  }
  if (mixed.size() > addresses_max) mixed.resize(addresses_max);
  return mixed;
}

std::string text_of(const std::vector<connect_attempt>& attempts) {
  std::string text;
  for (const connect_attempt& each : attempts) {
    if (!text.empty()) text += ", ";
    text += each.to.address().to_string() + ": " + each.result.message();
  }
  return text;
}

connector::connector(asio::io_context& io, endpoints targets)
    : io_(io), targets_(std::move(targets)), next_(io), limit_(io) {}

void connector::start(std::chrono::milliseconds timeout, handler done) {
  done_ = std::move(done);
  if (targets_.empty()) {
    asio::post(io_, [self = shared_from_this()] {
      if (self->done_) self->finish(errc::no_address, tcp_socket(self->io_));
    });
    return;
  }
  // Neither moves while an attempt is under way.
  attempts_.reserve(targets_.size());
  sockets_.reserve(targets_.size());
  delay_ = std::min<std::chrono::milliseconds>(
      delay_most, timeout / static_cast<std::chrono::milliseconds::rep>(targets_.size()));
  limit_.expires_after(timeout);
  limit_.async_wait([self = shared_from_this()](error_code cancelled) {
    if (!cancelled && self->done_) self->finish(asio::error::timed_out, tcp_socket(self->io_));
  });
  try_next();
}

void connector::cancel() {
  done_ = nullptr;
  next_.cancel();
  limit_.cancel();
  error_code ignored;
  for (tcp_socket& each : sockets_)
    each.close(ignored);
}

void connector::try_next() {
  const std::size_t which = attempts_.size();
  attempts_.push_back({targets_[which], asio::error::in_progress});
  sockets_.emplace_back(io_);
  ++under_way_;
  sockets_[which].async_connect(targets_[which],
                                [self = shared_from_this(), which](error_code result) {
                                  if (self->done_) self->on_result(which, result);
                                });
  if (attempts_.size() == targets_.size()) return;
  next_.expires_after(delay_);
  next_.async_wait([self = shared_from_this()](error_code cancelled) {
    // The attempt before may have failed in the same moment, and begun the next one.
    const bool is_due = self->next_.expiry() <= std::chrono::steady_clock::now();
    if (!cancelled && self->done_ && is_due && self->attempts_.size() < self->targets_.size())
      self->try_next();
  });
}

void connector::on_result(std::size_t which, error_code result) {
  attempts_[which].result = result;
  if (!result) return finish({}, std::move(sockets_[which]));
  error_code ignored;
  sockets_[which].close(ignored);
  --under_way_;
  if (attempts_.size() < targets_.size()) return try_next();
  if (under_way_ == 0) finish(attempts_.front().result, tcp_socket(io_));
}

void connector::finish(error_code failed, tcp_socket socket) {
  const handler done = std::exchange(done_, nullptr);
  for (connect_attempt& each : attempts_) {
    if (each.result != asio::error::in_progress) continue;
    each.result = failed ? asio::error::timed_out : asio::error::operation_aborted;
  }
  cancel();
  done(failed, std::move(socket), attempts_);
}

}  // namespace presenter::net
