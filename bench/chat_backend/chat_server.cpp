#include "bench/chat_backend/chat_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <string>
#include <utility>

#include "bench/chat_backend/chat_session.hpp"
#include "bench/chat_backend/echo_session.hpp"
#include "bench/chat_backend/moving_echo.hpp"

namespace presenter::chat_backend {

namespace {

protocol::acceptor_options options_of(const chat_server_options& from) {
  protocol::acceptor_options options;
  options.node = from.name;
  options.ping_interval = from.ping_interval;
  options.dead_after = from.dead_after;
  options.fence = from.fence;
  options.move_after = from.move_after;
  options.takes_early_data = from.takes_early_data;
  options.hands_over = from.hands_over;
  return options;
}

// What a client does never throws: an exception is ours, and ends the process with its text.
void rethrow(const std::exception_ptr& thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

std::optional<history_folder> folder_of(const chat_server_options& options) {
  if (options.histories.empty()) return std::nullopt;
  return std::optional<history_folder>(std::in_place, options.histories);
}

}  // namespace

chat_server::chat_server(asio::io_context& io, const chat_server_options& options)
    : io_(io),
      options_(options),
      histories_(folder_of(options)),
      service_(options.name, {}, histories_ ? &*histories_ : nullptr),
      acceptor_(io, options.listen, options_of(options)) {
  if (histories_) watch_.emplace(io, histories_->path());
}

void chat_server::start_accepting() {
  asio::co_spawn(io_, accept_streams(), rethrow);
  if (watch_) asio::co_spawn(io_, watch_histories(), rethrow);
}

// A couple whose halves are at two servers, because one has moved and the other has not yet, goes
// on talking: either server hears of what the other writes.
asio::awaitable<void> chat_server::watch_histories() {
  while (true) {
    const auto changed = co_await watch_->wait();
    for (const std::string& file : changed.files) {
      if (const auto couple_id = history_folder::couple_of(file))
        service_.on_history_changed(*couple_id);
    }
    if (changed.has_missed_some) service_.on_histories_changed();
  }
}

asio::awaitable<void> chat_server::accept_streams() {
  boost::system::error_code failed;
  while (true) {
    auto stream =
        co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, failed));
    if (failed) co_return;
    start_session(std::move(stream));
  }
}

asio::awaitable<void> chat_server::session_of(protocol::mux_stream stream) {
  if (!options_.is_echo) return chat_session(std::move(stream), service_);
  return options_.hands_over ? moving_echo_session(std::move(stream))
                             : echo_session(std::move(stream));
}

void chat_server::start_session(protocol::mux_stream stream) {
  asio::co_spawn(io_, session_of(std::move(stream)), rethrow);
}

}  // namespace presenter::chat_backend
