#include "gateway/operate/admin_pages.hpp"

#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "base/paced_log.hpp"
#include "gateway/operate/heap_page.hpp"
#include "gateway/operate/log.hpp"

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
  std::string body = state.is_ready() ? "ready\n" : "not ready\n";
  for (const auto& clause : state.missing)
    body += clause + "\n";
  for (const auto& note : state.notes)
    body += "note: " + note + "\n";
  return {state.is_ready() ? http::status::ok : http::status::service_unavailable, plain_text,
          std::move(body)};
}

// Nothing if there is no such page.
std::optional<page> find_page(std::string_view path, const admin_content& content) {
  if (path == "/healthz") return page{http::status::ok, plain_text, "ok\n"};
  if (path == "/readyz") return ready_page(content);
  if (path == "/metrics") return page{http::status::ok, prometheus_type, content.metrics()};
  if (path == "/heap") return page{http::status::ok, plain_text, heap_page()};
  return std::nullopt;
}

// nullptr if there is no such page.
const json_page* find_json_page(std::string_view path, const admin_content& content) {
  if (path == "/shards") return &content.shards;
  if (path == "/whois") return &content.whois;
  if (path == "/what-if") return &content.what_if;
  if (path == "/drain") return &content.drain;
  if (path == "/balance") return &content.balance;
  if (path == "/upgrade") return &content.upgrade;
  return nullptr;
}

// nullptr if there is no such order.
const json_page* find_order(std::string_view path, const admin_content& content) {
  if (path == "/drain") return &content.start_drain;
  if (path == "/undrain") return &content.undo_drain;
  if (path == "/upgrade") return &content.start_upgrade;
  return nullptr;
}

std::string_view methods_of(std::string_view path) {
  if (path == "/drain" || path == "/upgrade") return "GET, HEAD, POST";
  if (path == "/undrain") return "POST";
  return "GET, HEAD";
}

constexpr std::string_view order_refused =
    R"({"error":"orders are taken from programs on this machine only"})";

std::string_view path_of(const admin_request& request) {
  const std::string_view target{request.target().data(), request.target().size()};
  return target.substr(0, target.find('?'));
}

bool is_read(const admin_request& request) {
  return request.method() == http::verb::get || request.method() == http::verb::head;
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

// What of the request the response needs.
struct request_traits {
  explicit request_traits(const admin_request& request)
      : version(request.version()),
        is_kept_alive(request.keep_alive()),
        is_head(request.method() == http::verb::head),
        methods(methods_of(path_of(request))) {}
  unsigned version;
  bool is_kept_alive;
  bool is_head;
  std::string_view methods;  // that its page takes
};

admin_response finished(page from, const request_traits& request) {
  auto response = response_of(std::move(from), request.version);
  if (response.result() == http::status::method_not_allowed)
    response.set(http::field::allow,
                 boost::beast::string_view{request.methods.data(), request.methods.size()});
  response.keep_alive(request.is_kept_alive);
  // The length stays that of the body a GET would have.
  if (request.is_head) response.body().clear();
  return response;
}

void answer_json(const json_page& make, std::string_view target, const request_traits& request,
                 const admin_reply& reply) {
  const auto query = admin_query::parse(target);
  if (!query) return reply(finished(plain_page(http::status::bad_request), request));
  make(*query, [reply, request](json_answer answer) {
    reply(finished(page{answer.status, "application/json", std::move(answer.body)}, request));
  });
}

void answer_read(const admin_request& request, const admin_content& content,
                 const admin_reply& reply) {
  const request_traits traits(request);
  const std::string_view path = path_of(request);
  if (const json_page* make = find_json_page(path, content))
    return answer_json(*make, {request.target().data(), request.target().size()}, traits, reply);
  // An order is no page.
  if (find_order(path, content) != nullptr)
    return reply(finished(plain_page(http::status::method_not_allowed), traits));
  auto found = find_page(path, content);
  reply(finished(found ? std::move(*found) : plain_page(http::status::not_found), traits));
}

// A browser on this machine may run anybody's page, but says whose it is.
void answer_order(const admin_request& request, const admin_content& content, bool is_from_here,
                  const admin_reply& reply) {
  const request_traits traits(request);
  const json_page* const order = find_order(path_of(request), content);
  if (order == nullptr)
    return reply(finished(plain_page(http::status::method_not_allowed), traits));
  if (!is_from_here || request.find(http::field::origin) != request.end())
    return reply(finished(
        page{http::status::forbidden, "application/json", std::string(order_refused)}, traits));
  answer_json(*order, {request.target().data(), request.target().size()}, traits, reply);
}

}  // namespace

void answer_admin_request(const admin_request& request, const admin_content& content,
                          bool is_from_here, admin_reply reply) {
  const request_traits traits(request);
  if (request.target().size() > admin_target_bytes_max)
    return reply(finished(plain_page(http::status::uri_too_long), traits));
  const bool is_order = request.method() == http::verb::post;
  if (!is_order && !is_read(request))
    return reply(finished(plain_page(http::status::method_not_allowed), traits));
  try {
    if (is_order) return answer_order(request, content, is_from_here, reply);
    answer_read(request, content, reply);
  } catch (const std::exception& error) {
    thread_local log_pace said;
    log_paced(said, spdlog::level::err, "admin: {} failed: {}", path_of(request), error.what());
    reply(finished(plain_page(http::status::internal_server_error), traits));
  }
}

admin_response admin_error(http::status status) {
  auto response = response_of(plain_page(status), 11);
  response.keep_alive(false);
  return response;
}

}  // namespace presenter::gateway
