#include "gateway/operate/admin_endpoint.hpp"

#include <openssl/crypto.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <set>
#include <utility>

#include "base/paced_log.hpp"
#include "gateway/operate/admin_address.hpp"
#include "gateway/operate/log.hpp"

namespace presenter::gateway {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using admin_socket = admin_protocol::socket;
using admin_stream = beast::basic_stream<admin_protocol>;
using admin_acceptor = asio::basic_socket_acceptor<admin_protocol>;
using request_parser = http::request_parser<http::string_body>;

constexpr std::chrono::milliseconds accept_retry_pause{100};

// What a client that was told an error may still send before it is cut; it is thrown away.
constexpr std::size_t linger_bytes_max = 256 * 1'024;

constexpr std::string_view busy_answer =
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
    "Content-Type: application/json\r\nContent-Length: 28\r\n\r\n"
    "{\"error\":\"too many sessions\"}";

// How often one who writes events looks whether the endpoint has ended meanwhile.
constexpr std::chrono::milliseconds events_look_interval{100};

constexpr std::string_view events_header =
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n"
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n";

// The status to answer a request with that could not be read; nothing if nobody is there to read
// it.
std::optional<http::status> status_of(const error_code& ec) {
  if (ec.category() != make_error_code(http::error::end_of_stream).category()) return std::nullopt;
  switch (static_cast<http::error>(ec.value())) {
    case http::error::end_of_stream:
    case http::error::partial_message:
      return std::nullopt;
    case http::error::header_limit:
    case http::error::buffer_overflow:
      return http::status::request_header_fields_too_large;
    case http::error::body_limit:
      return http::status::payload_too_large;
    case http::error::bad_version:
      return http::status::http_version_not_supported;
    default:
      return http::status::bad_request;
  }
}

// By a unix socket, from the loopback, or from an address of this machine to itself.
bool is_from_here(const admin_socket& socket) {
  error_code failed;
  const auto local = socket.local_endpoint(failed);
  if (!failed && local.protocol().family() == AF_UNIX) return true;
  const auto remote = tcp_of(socket.remote_endpoint(failed));
  if (failed || !remote) return false;
  const auto peer = remote->address();
  const bool is_mapped = peer.is_v6() && peer.to_v6().is_v4_mapped();
  const bool is_loopback =
      is_mapped ? asio::ip::make_address_v4(asio::ip::v4_mapped, peer.to_v6()).is_loopback()
                : peer.is_loopback();
  const auto own = tcp_of(local);
  return is_loopback || (own && peer == own->address());
}

// Of whoever may have to be looked for; a program on this machine has no address.
std::string name_of_peer(const admin_socket& socket) {
  error_code failed;
  const auto remote = tcp_of(socket.remote_endpoint(failed));
  return remote && !failed ? remote->address().to_string() : "this machine";
}

// In a time that says nothing about how much of it is right.
bool has_token(const admin_request& request, std::string_view token) {
  constexpr std::string_view scheme = "Bearer ";
  const auto field = request[http::field::authorization];
  const std::string_view value{field.data(), field.size()};
  if (!value.starts_with(scheme)) return false;
  const auto said = value.substr(scheme.size());
  return said.size() == token.size() && CRYPTO_memcmp(said.data(), token.data(), token.size()) == 0;
}

admin_protocol protocol_of(int listening) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size);
  return {address.ss_family, 0};
}

}  // namespace

// Shared with the coroutines, each of which keeps it alive.
class admin_endpoint::server : public std::enable_shared_from_this<server> {
 public:
  server(asio::io_context& context, int listening, admin_content content, admin_limits limits,
         admin_rules rules)
      : content_(std::move(content)),
        limits_(limits),
        rules_(std::move(rules)),
        acceptor_(context, protocol_of(listening), listening) {}

  void start() {
    asio::co_spawn(acceptor_.get_executor(), accept_all(shared_from_this()), &report);
  }
  void stop();
  void leave();
  tcp::endpoint local_endpoint() const { return tcp_of(acceptor_.local_endpoint()).value(); }
  int descriptor() { return acceptor_.native_handle(); }
  void set_token(const std::string& token) {
    if (token == rules_.token) return;
    rules_.token = token;
    ++tokens_;
  }

 private:
  // One client's stream, listed in `streams_` so that stop() finds it. It keeps the server itself:
  // g++ 12 destroys a coroutine's parameters in the order in which they are declared, not in
  // reverse.
  struct session {
    session(std::shared_ptr<server> from, admin_socket socket)
        : owner(std::move(from)), stream(std::move(socket)) {
      owner->streams_.insert(&stream);
    }
    ~session() { owner->streams_.erase(&stream); }
    session(const session&) = delete;
    session& operator=(const session&) = delete;

    const std::shared_ptr<server> owner;
    admin_stream stream;
  };

  static asio::awaitable<void> accept_all(std::shared_ptr<server> self);
  static asio::awaitable<void> serve(std::unique_ptr<session> client);
  static asio::awaitable<void> linger(session& client);
  static asio::awaitable<error_code> read_request(session& client, beast::flat_buffer& buffer,
                                                  request_parser& parser);
  static asio::awaitable<admin_response> make_response(session& client,
                                                       const request_parser& parser,
                                                       std::optional<http::status> refused);
  static asio::awaitable<error_code> write_response(session& client, admin_response& response);
  static asio::awaitable<void> write_events(session& client, std::shared_ptr<event_reader> reader);
  static asio::awaitable<void> pause(std::shared_ptr<server> self);
  static void report(std::exception_ptr error);

  error_code take(admin_socket socket);
  void start_session(admin_socket socket);
  void refuse(admin_socket socket);
  admin_right right_of(const admin_request& request, const admin_socket& from);
  bool may_watch(session& client, const admin_request& request) {
    return content_.events && is_for_events(request, right_of(request, client.stream.socket()));
  }
  void count(admin_refusal why) const {
    if (content_.on_refused) content_.on_refused(why);
  }

  const admin_content content_;
  const admin_limits limits_;
  admin_rules rules_;
  std::uint64_t tokens_ = 0;  // that have been set
  log_pace accepts_said_;
  log_pace tokens_said_;
  log_pace watchers_said_;
  log_pace crowds_said_;
  bool is_stopped_ = false;
  bool has_left_ = false;
  admin_acceptor acceptor_;
  std::set<admin_stream*> streams_;
};

void admin_endpoint::server::stop() {
  if (std::exchange(is_stopped_, true)) return;
  error_code ignored;
  acceptor_.close(ignored);
  for (auto* stream : streams_)
    stream->close();
}

void admin_endpoint::server::leave() {
  has_left_ = true;
  error_code ignored;
  acceptor_.close(ignored);
}

asio::awaitable<void> admin_endpoint::server::accept_all(std::shared_ptr<server> self) {
  while (self->acceptor_.is_open()) {
    error_code ec;
    auto socket =
        co_await self->acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, ec));
    if (self->is_stopped_) co_return;
    if (!ec) ec = self->take(std::move(socket));
    if (!ec) continue;
    if (self->has_left_) co_return;
    log_paced(self->accepts_said_, spdlog::level::warn, "admin: accept failed: {}", ec.message());
    co_await pause(self);
  }
}

// Without memory for a client it is dropped; clients that come later are taken again.
error_code admin_endpoint::server::take(admin_socket socket) {
  try {
    if (streams_.size() >= limits_.sessions_max) {
      refuse(std::move(socket));
    } else {
      start_session(std::move(socket));
    }
    return {};
  } catch (const std::bad_alloc&) {
    return asio::error::no_memory;
  }
}

// Lets a failure like EMFILE pass without spinning.
asio::awaitable<void> admin_endpoint::server::pause(std::shared_ptr<server> self) {
  asio::steady_timer timer(self->acceptor_.get_executor(), accept_retry_pause);
  error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

void admin_endpoint::server::start_session(admin_socket socket) {
  auto client = std::make_unique<session>(shared_from_this(), std::move(socket));
  asio::co_spawn(acceptor_.get_executor(), serve(std::move(client)), &report);
}

// The answer fits any socket's empty send buffer, so nothing waits for this client.
void admin_endpoint::server::refuse(admin_socket socket) {
  count(admin_refusal::sessions);
  log_paced(crowds_said_, spdlog::level::warn,
            "admin: {} sessions are open, and another one of {} is refused", streams_.size(),
            name_of_peer(socket));
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(busy_answer), ignored);
  socket.shutdown(admin_socket::shutdown_send, ignored);
}

asio::awaitable<void> admin_endpoint::server::serve(std::unique_ptr<session> client) {
  const auto& self = *client->owner;
  beast::flat_buffer buffer{self.limits_.header_bytes_max + self.limits_.body_bytes_max};
  while (!self.is_stopped_) {
    request_parser parser;
    const auto read_error = co_await read_request(*client, buffer, parser);
    if (self.is_stopped_) co_return;
    auto refused = read_error ? status_of(read_error) : std::nullopt;
    if (refused) self.count(admin_refusal::request);
    if (!read_error && self.has_left_) refused = http::status::service_unavailable;
    // One that has said nothing keeps its session for later.
    if (read_error == beast::error::timeout && parser.got_some()) self.count(admin_refusal::slow);
    if (read_error && !refused) co_return;

    const bool is_watching = !refused && client->owner->may_watch(*client, parser.get());
    auto reader = is_watching ? self.content_.events() : nullptr;
    if (reader != nullptr) {
      co_await write_events(*client, std::move(reader));
      co_return;
    }

    auto response = co_await make_response(*client, parser,
                                           is_watching ? http::status::too_many_requests : refused);
    if (self.is_stopped_) co_return;
    const auto write_error = co_await write_response(*client, response);
    if (write_error == beast::error::timeout) self.count(admin_refusal::slow);
    if (write_error) co_return;
    if (response.need_eof() || !response.keep_alive()) {
      co_await linger(*client);
      co_return;
    }
  }
}

asio::awaitable<error_code> admin_endpoint::server::read_request(session& client,
                                                                 beast::flat_buffer& buffer,
                                                                 request_parser& parser) {
  const auto& limits = client.owner->limits_;
  parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes_max));
  parser.body_limit(limits.body_bytes_max);
  client.stream.expires_after(limits.deadline);
  error_code ec;
  co_await http::async_read(client.stream, buffer, parser,
                            asio::redirect_error(asio::use_awaitable, ec));
  co_return ec;
}

// Some pages wait for the workers. An answer that comes too late is dropped.
asio::awaitable<admin_response> admin_endpoint::server::make_response(
    session& client, const request_parser& parser, std::optional<http::status> refused) {
  if (refused) co_return admin_error(*refused);
  struct awaited {
    explicit awaited(const asio::any_io_executor& executor) : arrived(executor) {}
    asio::steady_timer arrived;
    std::optional<admin_response> response;
  };
  const auto answer = std::make_shared<awaited>(client.stream.get_executor());
  answer->arrived.expires_after(client.owner->limits_.deadline);
  const admin_reply reply = [answer](admin_response response) {
    answer->response = std::move(response);
    answer->arrived.cancel();
  };
  server& self = *client.owner;
  answer_admin_request(parser.get(), self.content_,
                       self.right_of(parser.get(), client.stream.socket()), reply);
  error_code ignored;
  if (!answer->response)
    co_await answer->arrived.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  if (!answer->response) co_return admin_error(http::status::service_unavailable);
  co_return std::move(*answer->response);
}

admin_right admin_endpoint::server::right_of(const admin_request& request,
                                             const admin_socket& from) {
  if (rules_.is_scraping_only) return admin_right::scrape;
  if (rules_.token.empty()) return is_from_here(from) ? admin_right::everything : admin_right::look;
  if (has_token(request, rules_.token)) return admin_right::everything;
  if (request.find(http::field::authorization) != request.end())
    log_paced(tokens_said_, spdlog::level::warn, "admin: a wrong token, from {}",
              name_of_peer(from));
  return admin_right::show_token;
}

asio::awaitable<error_code> admin_endpoint::server::write_response(session& client,
                                                                   admin_response& response) {
  client.stream.expires_after(client.owner->limits_.deadline);
  error_code ec;
  co_await http::async_write(client.stream, response,
                             asio::redirect_error(asio::use_awaitable, ec));
  co_return ec;
}

// Until the browser goes, or does not read, or its token is no longer the one. Nothing more is read
// of it.
asio::awaitable<void> admin_endpoint::server::write_events(session& client,
                                                           std::shared_ptr<event_reader> reader) {
  auto& self = *client.owner;
  const std::uint64_t token = self.tokens_;
  const std::string peer = name_of_peer(client.stream.socket());
  asio::steady_timer more(client.stream.get_executor());
  reader->on_more = [&more] { more.cancel(); };
  std::string text(events_header);
  error_code ec;
  while (!ec && !self.is_stopped_ && !reader->is_cut() && token == self.tokens_) {
    text += reader->take();
    if (text.empty()) {
      more.expires_after(events_look_interval);
      error_code ignored;
      co_await more.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      continue;
    }
    client.stream.expires_after(self.limits_.deadline);
    co_await asio::async_write(client.stream, asio::buffer(text),
                               asio::redirect_error(asio::use_awaitable, ec));
    text.clear();
  }
  reader->on_more = nullptr;
  if (reader->is_cut() || ec == beast::error::timeout) {
    self.count(admin_refusal::slow);
    log_paced(self.watchers_said_, spdlog::level::warn,
              "admin: a browser that does not read is let go, at {}", peer);
  }
}

// Closing a socket with unread bytes in it sends a TCP reset, which can overtake the response. So
// the client's bytes are read until it closes too.
asio::awaitable<void> admin_endpoint::server::linger(session& client) {
  const auto& self = *client.owner;
  error_code ec;
  client.stream.socket().shutdown(admin_socket::shutdown_send, ec);
  client.stream.expires_after(self.limits_.deadline);
  std::array<char, 4'096> waste;
  std::size_t wasted = 0;
  while (!ec && !self.is_stopped_ && wasted < linger_bytes_max)
    wasted += co_await client.stream.async_read_some(asio::buffer(waste),
                                                     asio::redirect_error(asio::use_awaitable, ec));
}

void admin_endpoint::server::report(std::exception_ptr error) {
  if (!error) return;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& reason) {
    thread_local log_pace said;  // of all sessions, and of a server that has gone
    log_paced(said, spdlog::level::err, "admin: session ended by {}", reason.what());
  }
}

admin_endpoint::admin_endpoint(asio::io_context& context, const tcp::endpoint& address,
                               admin_content content, admin_limits limits, admin_rules rules)
    : admin_endpoint(context, listen_on(address), std::move(content), limits, std::move(rules)) {}

admin_endpoint::admin_endpoint(asio::io_context& context, int listening, admin_content content,
                               admin_limits limits, admin_rules rules)
    : server_(std::make_shared<server>(context, listening, std::move(content), limits,
                                       std::move(rules))) {
  server_->start();
}

admin_endpoint::~admin_endpoint() {
  stop();
}

tcp::endpoint admin_endpoint::local_endpoint() const {
  return server_->local_endpoint();
}

int admin_endpoint::descriptor() const {
  return server_->descriptor();
}

void admin_endpoint::set_token(const std::string& token) {
  server_->set_token(token);
}

void admin_endpoint::stop() {
  server_->stop();
}

void admin_endpoint::leave() {
  server_->leave();
}

}  // namespace presenter::gateway
