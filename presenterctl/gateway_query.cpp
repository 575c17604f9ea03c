#include "presenterctl/gateway_query.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <system_error>
#include <utility>

#include "base/net/connector.hpp"
#include "base/net/errc.hpp"
#include "base/net/resolver.hpp"
#include "shard_router/host.hpp"

namespace presenter::ctl {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using stream_protocol = asio::generic::stream_protocol;

constexpr std::string_view unix_scheme = "unix:";
constexpr const char* socket_folder = "/run/presenter";

// sockaddr_un has no room for more.
constexpr std::size_t path_bytes_max = 107;

// A thousand backends are some 200 KB.
constexpr std::size_t page_bytes_max = 16 * 1'024 * 1'024;

// One request. Life: on the stack of ask_one, while its io_context runs.
class exchange {
 public:
  exchange(asio::io_context& io, gateway_answer& answer, gateway_method method,
           const std::string& target, const std::string& token)
      : io_(io),
        answer_(answer),
        names_(io.get_executor()),
        request_(method == gateway_method::order ? http::verb::post : http::verb::get, target, 11) {
    parser_.body_limit(page_bytes_max);
    if (!token.empty()) request_.set(http::field::authorization, "Bearer " + token);
  }

  void start(const gateway_address& at, std::chrono::milliseconds timeout) {
    request_.set(http::field::host, at.path.empty() ? at.host : "localhost");
    request_.set(http::field::connection, "close");
    request_.prepare_payload();
    deadline_ = std::chrono::steady_clock::now() + timeout;
    if (!at.path.empty()) return connect(at.path);
    // What stands there when the time is over.
    answer_.mistake = make_error_code(net::errc::lookup_timed_out).message();
    names_.resolve(at.host, [this, port = at.port](const net::resolved_name& name) {
      if (name.all.empty()) return fail(name.failed);
      connect(net::interleaved(name.all, port));
    });
  }

 private:
  void connect(net::endpoints targets) {
    answer_.mistake = error_code(asio::error::timed_out).message();
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    std::make_shared<net::connector>(io_, std::move(targets))
        ->start(std::max(left, std::chrono::milliseconds(1)),
                [this](error_code failed, net::tcp_socket socket, const auto&) {
                  if (failed) return fail(failed);
                  ask(std::move(socket));
                });
  }

  // A unix socket connects at once, or not at all.
  void connect(const std::string& path) {
    stream_protocol::socket socket(io_);
    error_code failed;
    socket.connect(asio::local::stream_protocol::endpoint(path), failed);
    if (failed == boost::system::errc::no_such_file_or_directory)
      failed = asio::error::connection_refused;
    if (failed) return fail(failed);
    ask(std::move(socket));
  }

  void ask(stream_protocol::socket socket) {
    answer_.mistake = "no answer in time";
    stream_.emplace(std::move(socket));
    stream_->expires_at(deadline_);
    http::async_write(*stream_, request_, [this](error_code error, std::size_t) {
      if (error) return fail_answer(error);
      http::async_read(*stream_, buffer_, parser_,
                       [this](error_code failed_read, std::size_t) { on_answer(failed_read); });
    });
  }

  void on_answer(error_code failed) {
    if (failed) return fail_answer(failed);
    answer_.mistake.clear();
    answer_.page = nlohmann::json::parse(parser_.get().body(), nullptr, false);
    if (answer_.page.is_discarded()) answer_.page = nullptr;
    answer_.status = parser_.get().result_int();
  }

  void fail(error_code failed) {
    answer_.mistake = failed.message();
    answer_.is_nobody_there = failed == asio::error::connection_refused;
  }

  // Somebody is there; who speaks no HTTP is most often the gateway's port for clients.
  void fail_answer(error_code failed) {
    fail(failed);
    if (failed != beast::error::timeout)
      answer_.mistake += ": it must be the address of [admin], which speaks HTTP";
  }

  asio::io_context& io_;
  gateway_answer& answer_;
  std::chrono::steady_clock::time_point deadline_;
  net::resolver names_;
  std::optional<beast::basic_stream<stream_protocol>> stream_;
  http::request<http::empty_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
};

gateway_answer ask_one(const std::string& gateway, gateway_method method, const std::string& target,
                       std::chrono::milliseconds timeout, const std::string& token) {
  gateway_answer answer;
  answer.gateway = gateway;
  const auto address = parse_gateway(gateway);
  if (!address) {
    answer.mistake = "neither HOST:PORT nor unix:PATH";
    return answer;
  }
  asio::io_context io{1};
  exchange one(io, answer, method, target, token);
  one.start(*address, timeout);
  io.run_for(timeout);
  return answer;
}

}  // namespace

std::optional<gateway_address> parse_gateway(std::string_view text) {
  if (text.starts_with(unix_scheme)) {
    text.remove_prefix(unix_scheme.size());
    if (text.empty() || text.size() > path_bytes_max) return std::nullopt;
    return gateway_address{.host = {}, .port = 0, .path = std::string(text)};
  }
  const auto parsed = shard_router::parse_host_port(text);
  if (!parsed || parsed->port == 0) return std::nullopt;
  return gateway_address{.host = parsed->host, .port = parsed->port, .path = {}};
}

std::vector<std::string> gateways_here() {
  std::vector<std::string> found;
  if (const char* const named = std::getenv("PRESENTERCTL_GATEWAY")) {
    std::istringstream names(named);
    for (std::string each; std::getline(names, each, ',');)
      found.push_back(each);
    return found;
  }
  std::error_code none;
  for (const auto& file : std::filesystem::directory_iterator(socket_folder, none)) {
    if (file.path().extension() == ".sock" && file.is_socket(none))
      found.push_back(std::string(unix_scheme) + file.path().string());
  }
  std::ranges::sort(found);
  return found;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string encoded;
  for (const char each : text) {
    if (plain.find(each) != std::string_view::npos) {
      encoded += each;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(each));
    }
  }
  return encoded;
}

std::vector<gateway_answer> ask_gateways(const std::vector<std::string>& gateways,
                                         gateway_method method, const std::string& target,
                                         std::chrono::milliseconds timeout,
                                         const std::string& token) {
  std::vector<gateway_answer> answers;
  answers.reserve(gateways.size());
  for (const std::string& each : gateways)
    answers.push_back(ask_one(each, method, target, timeout, token));
  return answers;
}

}  // namespace presenter::ctl
