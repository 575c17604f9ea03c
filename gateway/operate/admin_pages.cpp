#include "gateway/operate/admin_pages.hpp"

#include <array>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/paced_log.hpp"
#include "gateway/operate/dashboard_page.hpp"
#include "gateway/operate/heap_page.hpp"
#include "gateway/operate/log.hpp"
#include "gateway/operate/metrics_format.hpp"

namespace presenter::gateway {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view plain_text = "text/plain; charset=utf-8";

// Of all answers: a browser takes nothing from elsewhere, and guesses nothing.
constexpr std::string_view security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct page {
  http::status status;
  std::string_view content_type;
  std::string body;
};

page json_page_of(json_answer answer) {
  return {answer.status, "application/json", std::move(answer.body)};
}

// What everybody who asks wrongly is told.
std::string_view explanation_of(http::status status) {
  switch (status) {
    case http::status::bad_request:
      return "the request cannot be read";
    case http::status::unauthorized:
      return "the token is missing or wrong";
    case http::status::forbidden:
      return "orders are taken from programs on this machine only";
    case http::status::not_found:
      return "there is no such page";
    case http::status::method_not_allowed:
      return "the page does not take this method";
    case http::status::uri_too_long:
      return "the target is too long";
    case http::status::internal_server_error:
      return "the page cannot be made";
    case http::status::service_unavailable:
      return "the page was not made in time";
    default:
      const auto phrase = http::obsolete_reason(status);
      return {phrase.data(), phrase.size()};
  }
}

page error_page(http::status status) {
  return json_page_of(error_answer(status, explanation_of(status)));
}

page health_page(const admin_content& content) {
  const auto ailments = content.ailments ? content.ailments() : std::vector<std::string>();
  if (ailments.empty()) return {http::status::ok, plain_text, "ok\n"};
  std::string body = "not ok\n";
  for (const auto& clause : ailments)
    body += clause + "\n";
  return {http::status::service_unavailable, plain_text, std::move(body)};
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

page metrics_page(const admin_request& request, const admin_content& content) {
  const auto accept = request[http::field::accept];
  const exposition format = wanted_exposition({accept.data(), accept.size()});
  return {http::status::ok, content_type_of(format), content.metrics(format)};
}

// Nothing if there is no such page.
std::optional<page> find_page(std::string_view path, const admin_request& request,
                              const admin_content& content) {
  if (path == "/healthz") return health_page(content);
  if (path == "/readyz") return ready_page(content);
  if (path == "/metrics") return metrics_page(request, content);
  if (const auto file = find_dashboard_file(path))
    return page{http::status::ok, file->content_type, std::string(file->text)};
  if (path == "/heap") return page{http::status::ok, plain_text, heap_page()};
  return std::nullopt;
}

struct route {
  std::string_view path;  // TAG is any segment
  json_page admin_content::*read = nullptr;
  json_page admin_content::*order = nullptr;
  bool takes_put = false;  // for the order, besides POST
};

constexpr std::array routes{
    route{"/shards", &admin_content::shards},
    route{"/whois", &admin_content::whois},
    route{"/what-if", &admin_content::what_if},
    route{"/drain", &admin_content::drain, &admin_content::start_drain},
    route{"/undrain", nullptr, &admin_content::undo_drain},
    route{"/upgrade", &admin_content::upgrade, &admin_content::start_upgrade},
    route{"/balance", &admin_content::balance},
    route{"/config", &admin_content::configuration},
    route{"/reload", nullptr, &admin_content::reload},
    route{"/status", &admin_content::status},
    route{"/top", &admin_content::top},
    route{"/log-level", &admin_content::log_level, &admin_content::set_log_level, true},
    route{"/clients", &admin_content::clients},
    route{"/clients/close", nullptr, &admin_content::close_client},
    route{"/clients/TAG", &admin_content::client},
    route{"/clients/TAG/close", nullptr, &admin_content::close_client},
};

// The segment in TAG's place; nothing: the path is another one.
std::optional<std::string_view> tag_in(std::string_view path, std::string_view pattern) {
  const auto at = pattern.find("TAG");
  const std::string_view behind = pattern.substr(at + 3);
  if (path.size() <= pattern.size() - 3 || !path.starts_with(pattern.substr(0, at)) ||
      !path.ends_with(behind))
    return std::nullopt;
  const auto tag = path.substr(at, path.size() - at - behind.size());
  return tag.find('/') == std::string_view::npos ? std::optional(tag) : std::nullopt;
}

struct routed {
  const route* to = nullptr;  // nullptr: no such page of JSON
  std::string_view tag;
};

routed find_route(std::string_view path) {
  for (const route& each : routes) {
    if (each.path == path) return {&each, {}};
    if (each.path.find("TAG") == std::string_view::npos) continue;
    if (const auto tag = tag_in(path, each.path)) return {&each, *tag};
  }
  return {};
}

// A page that this gateway does not have is none.
const json_page* page_of(json_page admin_content::*which, const admin_content& content) {
  return which != nullptr && content.*which ? &(content.*which) : nullptr;
}

std::string_view methods_of(std::string_view path) {
  const route* const to = find_route(path).to;
  if (to == nullptr || to->order == nullptr) return "GET, HEAD";
  if (to->read == nullptr) return "POST";
  return to->takes_put ? "GET, HEAD, POST, PUT" : "GET, HEAD, POST";
}

std::string_view target_of(const admin_request& request) {
  return {request.target().data(), request.target().size()};
}

std::string_view path_of(const admin_request& request) {
  return target_of(request).substr(0, target_of(request).find('?'));
}

bool is_read(const admin_request& request) {
  return request.method() == http::verb::get || request.method() == http::verb::head;
}

admin_response response_of(page from, unsigned version) {
  admin_response response{from.status, version};
  response.set(http::field::content_type,
               boost::beast::string_view{from.content_type.data(), from.content_type.size()});
  response.set(http::field::cache_control, "no-store");
  response.set("Content-Security-Policy",
               boost::beast::string_view{security_policy.data(), security_policy.size()});
  response.set("X-Content-Type-Options", "nosniff");
  response.body() = std::move(from.body);
  response.prepare_payload();
  return response;
}

// What of the request the response needs.
struct request_traits {
  explicit request_traits(const admin_request& request)
      : version(request.version()),
        is_kept_alive(request.keep_alive() && !find_dashboard_file(path_of(request))),
        is_head(request.method() == http::verb::head),
        methods(methods_of(path_of(request))) {}
  unsigned version;
  // A browser would keep what it has for later, and many of them all sessions that there are.
  bool is_kept_alive;
  bool is_head;
  std::string_view methods;  // that its page takes
};

admin_response finished(page from, const request_traits& request) {
  auto response = response_of(std::move(from), request.version);
  if (response.result() == http::status::method_not_allowed)
    response.set(http::field::allow,
                 boost::beast::string_view{request.methods.data(), request.methods.size()});
  if (response.result() == http::status::unauthorized)
    response.set(http::field::www_authenticate, "Bearer");
  response.keep_alive(request.is_kept_alive);
  // The length stays that of the body a GET would have.
  if (request.is_head) response.body().clear();
  return response;
}

void answer_json(const json_page& make, std::string_view target, std::string_view tag,
                 const request_traits& request, const admin_reply& reply) {
  auto query = admin_query::parse(target);
  auto name = percent_decoded(tag);
  if (!query || !name) return reply(finished(error_page(http::status::bad_request), request));
  if (!name->empty()) query->set("tag", std::move(*name));
  make(*query, [reply, request](json_answer answer) {
    reply(finished(json_page_of(std::move(answer)), request));
  });
}

bool is_for_scraping(std::string_view path) {
  return path == "/healthz" || path == "/readyz" || path == "/metrics";
}

void refuse(const admin_content& content, admin_refusal why, http::status status,
            const request_traits& request, const admin_reply& reply) {
  if (content.on_refused) content.on_refused(why);
  reply(finished(error_page(status), request));
}

void answer_read(const admin_request& request, const admin_content& content,
                 const admin_reply& reply) {
  const request_traits traits(request);
  const std::string_view path = path_of(request);
  const auto [to, tag] = find_route(path);
  if (to != nullptr && to->read == nullptr)  // an order is no page
    return reply(finished(error_page(http::status::method_not_allowed), traits));
  if (const auto* make = to != nullptr ? page_of(to->read, content) : nullptr)
    return answer_json(*make, target_of(request), tag, traits, reply);
  auto found = find_page(path, request, content);
  reply(finished(found ? std::move(*found) : error_page(http::status::not_found), traits));
}

// A browser on this machine may run anybody's page, but says whose it is.
void answer_order(const admin_request& request, const admin_content& content, admin_right right,
                  const admin_reply& reply) {
  const request_traits traits(request);
  const auto [to, tag] = find_route(path_of(request));
  const auto* order = to != nullptr ? page_of(to->order, content) : nullptr;
  if (order == nullptr || (request.method() == http::verb::put && !to->takes_put))
    return reply(finished(error_page(http::status::method_not_allowed), traits));
  if (right != admin_right::everything || request.find(http::field::origin) != request.end())
    return refuse(content, admin_refusal::order, http::status::forbidden, traits, reply);
  answer_json(*order, target_of(request), tag, traits, reply);
}

}  // namespace

void answer_admin_request(const admin_request& request, const admin_content& content,
                          admin_right right, admin_reply reply) {
  const request_traits traits(request);
  if (request.target().size() > admin_target_bytes_max)
    return reply(finished(error_page(http::status::uri_too_long), traits));
  if (!is_for_scraping(path_of(request))) {
    if (right == admin_right::scrape)
      return reply(finished(error_page(http::status::not_found), traits));
    if (right == admin_right::show_token && !find_dashboard_file(path_of(request)))
      return refuse(content, admin_refusal::token, http::status::unauthorized, traits, reply);
  }
  const bool is_order = request.method() == http::verb::post || request.method() == http::verb::put;
  if (!is_order && !is_read(request))
    return reply(finished(error_page(http::status::method_not_allowed), traits));
  try {
    if (is_order) return answer_order(request, content, right, reply);
    answer_read(request, content, reply);
  } catch (const std::exception& error) {
    thread_local log_pace said;
    log_paced(said, spdlog::level::err, "admin: {} failed: {}", path_of(request), error.what());
    reply(finished(error_page(http::status::internal_server_error), traits));
  }
}

bool is_for_events(const admin_request& request, admin_right right) {
  return (right == admin_right::look || right == admin_right::everything) &&
         request.method() == http::verb::get && path_of(request) == "/events";
}

admin_response admin_error(http::status status) {
  auto response = response_of(error_page(status), 11);
  response.keep_alive(false);
  return response;
}

}  // namespace presenter::gateway
