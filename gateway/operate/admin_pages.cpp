#include "gateway/operate/admin_pages.hpp"

#include <spdlog/spdlog.h>

#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <exception>
#include <optional>
#include <utility>

namespace presenter::gateway {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view plain_text = "text/plain; charset=utf-8";
constexpr std::string_view prometheus_type = "text/plain; version=0.0.4; charset=utf-8";

struct page {
  http::status status;
  std::string_view content_type;
  std::string body;
};

page plain_page(http::status status) {
  return {status, plain_text, std::string{http::obsolete_reason(status)} + "\n"};
}

page ready_page(const admin_content& content) {
  const auto state = content.ready();
  if (state.is_ready()) return {http::status::ok, plain_text, "ready\n"};
  std::string body = "not ready\n";
  for (const auto& clause : state.missing)
    body += clause + "\n";
  return {http::status::service_unavailable, plain_text, std::move(body)};
}

// Nothing if there is no such page.
std::optional<page> find_page(std::string_view path, const admin_content& content) {
  if (path == "/healthz") return page{http::status::ok, plain_text, "ok\n"};
  if (path == "/readyz") return ready_page(content);
  if (path == "/metrics") return page{http::status::ok, prometheus_type, content.metrics()};
  if (path == "/shards") return page{http::status::ok, "application/json", content.shards()};
  return std::nullopt;
}

std::string_view path_of(const admin_request& request) {
  const std::string_view target{request.target().data(), request.target().size()};
  return target.substr(0, target.find('?'));
}

bool is_read(const admin_request& request) {
  return request.method() == http::verb::get || request.method() == http::verb::head;
}

page choose_page(const admin_request& request, const admin_content& content) {
  if (request.target().size() > admin_target_bytes_max)
    return plain_page(http::status::uri_too_long);
  if (!is_read(request)) return plain_page(http::status::method_not_allowed);
  try {
    auto found = find_page(path_of(request), content);
    return found ? std::move(*found) : plain_page(http::status::not_found);
  } catch (const std::exception& error) {
    spdlog::error("admin: {} failed: {}", path_of(request), error.what());
    return plain_page(http::status::internal_server_error);
  }
}

admin_response response_of(page from, unsigned version) {
  admin_response response{from.status, version};
  response.set(http::field::content_type,
               boost::beast::string_view{from.content_type.data(), from.content_type.size()});
  response.set(http::field::cache_control, "no-store");
  response.body() = std::move(from.body);
  response.prepare_payload();
  return response;
}

}  // namespace

admin_response answer_admin_request(const admin_request& request, const admin_content& content) {
  auto response = response_of(choose_page(request, content), request.version());
  if (response.result() == http::status::method_not_allowed)
    response.set(http::field::allow, "GET, HEAD");
  response.keep_alive(request.keep_alive());
  // The length stays that of the body a GET would have.
  if (request.method() == http::verb::head) response.body().clear();
  return response;
}

admin_response admin_error(http::status status) {
  auto response = response_of(plain_page(status), 11);
  response.keep_alive(false);
  return response;
}

}  // namespace presenter::gateway
