#include "gateway/operate/admin_endpoint.hpp"

#include <gmock/gmock.h>

#include <array>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace presenter::gateway {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using testing::HasSubstr;
using testing::StartsWith;

// A plain client with blocking calls.
class admin_client {
 public:
  explicit admin_client(const tcp::endpoint& address) : socket_(context_) {
    socket_.connect(address);
  }

  void send(std::string_view bytes) {
    error_code ignored;  // the endpoint may have closed already; what it answered is what counts
    asio::write(socket_, asio::buffer(bytes), ignored);
  }

  // One response; throws if there is none.
  admin_response receive() {
    admin_response response;
    http::read(socket_, buffer_, response);
    return response;
  }

  admin_response get(const std::string& target, const std::string& fields = "") {
    send("GET " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
    return receive();
  }

  // Everything up to the end of the session.
  std::string receive_all() {
    std::string text;
    error_code ec;
    asio::read(socket_, asio::dynamic_buffer(text), ec);
    return text;
  }

  std::string receive_up_to(std::string_view end) {
    const std::size_t size = asio::read_until(socket_, asio::dynamic_buffer(text_), end);
    std::string got = text_.substr(0, size);
    text_.erase(0, size);
    return got;
  }

  void finish() { socket_.shutdown(tcp::socket::shutdown_send); }

 private:
  asio::io_context context_;
  tcp::socket socket_;
  boost::beast::flat_buffer buffer_;
  std::string text_;
};

// The endpoint on a control thread of its own, as in the gateway.
class AdminEndpoint : public testing::Test {
 protected:
  ~AdminEndpoint() override {
    if (!thread_.joinable()) return;
    on_control_thread([this] { endpoint_.reset(); });
    work_.reset();
    thread_.join();
  }

  void start(admin_limits limits = {}, admin_rules rules = {}) {
    const tcp::endpoint any_port{asio::ip::address_v4::loopback(), 0};
    const admin_content content{
        .ready = [] { return readiness{}; },
        .metrics = [this](exposition) { return std::to_string(++scrapes_); },
        .shards =
            [](const admin_query&, const json_reply& reply) {
              reply({http::status::ok, "{}"});
            },
        .whois =
            [this](const admin_query&, const json_reply& reply) {
              asio::post(context_, [reply] { reply({http::status::ok, "later"}); });
            },
        .what_if =
            [this](const admin_query&, const json_reply& reply) {
              held_ = reply;
              is_held_.set_value();
            },
        .drain = [](const admin_query&, const json_reply&) {},
        .start_drain =
            [](const admin_query&, const json_reply& reply) {
              reply({http::status::ok, "begun"});
            },
        .undo_drain = [](const admin_query&, const json_reply&) {},
        .upgrade = [](const admin_query&, const json_reply&) {},
        .start_upgrade = [](const admin_query&, const json_reply&) {},
        .balance = [](const admin_query&, const json_reply&) {},
        .events = [this] { return feed_.add_reader(); },
        .on_refused = [this](admin_refusal why) { ++refusals_[static_cast<std::size_t>(why)]; }};
    endpoint_.emplace(context_, any_port, content, limits, std::move(rules));
    address_ = endpoint_->local_endpoint();
    thread_ = std::thread([this] { context_.run(); });
  }

  bool is_watched() {
    bool is = false;
    on_control_thread([&] { is = feed_.is_watched(); });
    return is;
  }

  template <class Call>
  void on_control_thread(Call call) {
    std::promise<void> done;
    asio::post(context_, [&] {
      call();
      done.set_value();
    });
    done.get_future().wait();
  }

  std::string answer_to(std::string_view bytes) {
    admin_client client(address_);
    client.send(bytes);
    return client.receive_all();
  }

  asio::io_context context_;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_{
      context_.get_executor()};
  std::atomic<int> scrapes_{0};
  std::array<std::atomic<int>, admin_refusal_names.size()> refusals_{};
  event_feed feed_;
  json_reply held_;  // of /what-if
  std::promise<void> is_held_;
  std::optional<admin_endpoint> endpoint_;
  tcp::endpoint address_;
  std::thread thread_;
};

TEST_F(AdminEndpoint, ServesOverOneSessionUntilTheClientCloses) {
  start();
  EXPECT_NE(address_.port(), 0);
  admin_client client(address_);
  EXPECT_EQ(client.get("/healthz").body(), "ok\n");
  EXPECT_EQ(client.get("/none").result(), http::status::not_found);
  EXPECT_EQ(client.get("/metrics").body(), "1");
  EXPECT_EQ(client.get("/metrics").body(), "2");
  client.finish();
  EXPECT_EQ(client.receive_all(), "");
}

TEST_F(AdminEndpoint, WaitsForAPageThatComesLaterButNotForEver) {
  start({.deadline = std::chrono::seconds(1)});
  admin_client client(address_);
  EXPECT_EQ(client.get("/whois?key=k").body(), "later");
  EXPECT_EQ(client.get("/what-if?remove=a").result(), http::status::service_unavailable);
}

TEST_F(AdminEndpoint, AnswersRequestsThatArriveTogetherInOrder) {
  start();
  const std::string text = answer_to(
      "GET /readyz HTTP/1.1\r\n\r\nHEAD /metrics HTTP/1.1\r\n\r\n"
      "GET /shards HTTP/1.1\r\nConnection: close\r\n\r\n");
  const auto ready = text.find("ready\n");
  const auto shards = text.find("{}");
  EXPECT_LT(ready, shards);
  EXPECT_NE(shards, std::string::npos);
}

TEST_F(AdminEndpoint, TakesARequestByteByByte) {
  start();
  admin_client client(address_);
  for (const char c : std::string_view{"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"})
    client.send({&c, 1});
  EXPECT_EQ(client.receive().result(), http::status::ok);
}

TEST_F(AdminEndpoint, ClosesAfterHttp10) {
  start();
  EXPECT_THAT(answer_to("GET /healthz HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.0 200 OK\r\n"));
}

TEST_F(AdminEndpoint, RejectsGarbage) {
  start();
  for (const auto* text : {"\r\n\r\n\r\n", "hello\r\n\r\n", "GET\r\n\r\n",
                           "\x16\x03\x01\x02\r\n\r\n", "GET /healthz HTTP/1.1\r\nno colon\r\n\r\n",
                           "GET /healthz HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                           "GET /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"})
    EXPECT_THAT(answer_to(text), StartsWith("HTTP/1.1 400 Bad Request\r\n")) << text;
  EXPECT_THAT(answer_to("GET / HTTP/2.0\r\n\r\n"), StartsWith("HTTP/1.1 505 "));
  EXPECT_EQ(admin_client(address_).get("/healthz").result(), http::status::ok);
}

TEST_F(AdminEndpoint, LimitsHeaderBodyAndTarget) {
  start();
  const std::string many(20'000, 'a');
  EXPECT_THAT(answer_to("GET /healthz HTTP/1.1\r\nX: " + many + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(answer_to("GET /" + many + " HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(answer_to("GET /" + many.substr(0, 5'000) + " HTTP/1.1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 414 "));
  EXPECT_THAT(answer_to("POST /healthz HTTP/1.1\r\nContent-Length: 20000\r\n\r\n" + many),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer_to("POST /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4e20\r\n" +
                        many + "\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(AdminEndpoint, ClosesWhenTheClientLeavesMidRequest) {
  start();
  admin_client client(address_);
  client.send("GET /healthz HT");
  client.finish();
  EXPECT_EQ(client.receive_all(), "");
}

TEST_F(AdminEndpoint, CutsAClientThatIsTooSlow) {
  start({.deadline = std::chrono::milliseconds{50}});
  admin_client silent(address_);
  admin_client slow(address_);
  slow.send("GET /healthz HTTP/1.1\r\n");
  EXPECT_EQ(silent.receive_all(), "");
  EXPECT_EQ(slow.receive_all(), "");
}

TEST_F(AdminEndpoint, RefusesMoreSessionsThanItMayHold) {
  start({.sessions_max = 2});
  std::optional<admin_client> first(address_);
  admin_client second(address_);
  EXPECT_EQ(first->get("/healthz").result(), http::status::ok);
  EXPECT_EQ(second.get("/healthz").result(), http::status::ok);

  EXPECT_THAT(admin_client(address_).receive_all(), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(second.get("/healthz").result(), http::status::ok);

  // Once the first is gone, and the endpoint has seen that, there is room again.
  first->finish();
  EXPECT_EQ(first->receive_all(), "");
  EXPECT_EQ(admin_client(address_).get("/healthz").result(), http::status::ok);
}

TEST_F(AdminEndpoint, StopEndsSessionsAndListener) {
  start();
  admin_client idle(address_);
  EXPECT_EQ(idle.get("/healthz").result(), http::status::ok);
  on_control_thread([this] {
    endpoint_->stop();
    endpoint_->stop();
  });
  EXPECT_EQ(idle.receive_all(), "");
  EXPECT_THROW(admin_client{address_}, boost::system::system_error);
}

TEST_F(AdminEndpoint, WhoLeavesAnswersWhatItWasAskedAndTakesNobody) {
  start();
  admin_client early(address_);
  admin_client late(address_);
  EXPECT_EQ(late.get("/healthz").result(), http::status::ok);
  early.send("GET /what-if?remove=a HTTP/1.1\r\nHost: a\r\n\r\n");
  is_held_.get_future().wait();
  on_control_thread([this] { endpoint_->leave(); });
  EXPECT_EQ(late.get("/healthz").result(), http::status::service_unavailable);
  EXPECT_THROW(admin_client{address_}, boost::system::system_error);
  on_control_thread([this] { held_({http::status::ok, "as asked"}); });
  EXPECT_EQ(early.receive().body(), "as asked");
}

TEST_F(AdminEndpoint, CanBeDroppedWithALoopThatNeverRan) {
  asio::io_context context;
  const tcp::endpoint any_port{asio::ip::address_v6::loopback(), 0};
  admin_endpoint unused(context, any_port, {}, {});
  const admin_client waiting(unused.local_endpoint());
  EXPECT_TRUE(unused.local_endpoint().address().is_v6());
}

TEST_F(AdminEndpoint, SaysWhenItsAddressIsTaken) {
  start();
  asio::io_context context;
  EXPECT_THROW((admin_endpoint{context, address_, {}, {}}), boost::system::system_error);
}

// --- events

TEST_F(AdminEndpoint, EventsGoOnUntilTheBrowserGoes) {
  start();
  {
    admin_client browser(address_);
    browser.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    while (!is_watched())
      std::this_thread::yield();
    EXPECT_THAT(browser.receive_up_to("\r\n\r\n"), HasSubstr("text/event-stream"));
    for (const char* data : {"1", "2"}) {
      on_control_thread([&] { feed_.publish("sample", data); });
      EXPECT_EQ(browser.receive_up_to("\n\n"),
                std::string("event: sample\ndata: ") + data + "\n\n");
    }
  }
  // It is seen to be gone when there is something to tell.
  while (is_watched())
    on_control_thread([&] { feed_.publish("sample", "3"); });
}

TEST_F(AdminEndpoint, TooManyWhoWatchAreToldSo) {
  start();
  std::vector<std::shared_ptr<event_reader>> others;
  on_control_thread([&] {
    while (auto reader = feed_.add_reader())
      others.push_back(std::move(reader));
  });
  EXPECT_EQ(admin_client(address_).get("/events").result(), http::status::too_many_requests);
}

TEST_F(AdminEndpoint, AnotherTokenHoldsFromTheNextRequestOn) {
  const std::string old_one = "Authorization: Bearer the-old-one\r\n";
  const std::string new_one = "Authorization: Bearer the-new-one\r\n";
  start({}, {.token = "the-old-one"});
  admin_client client(address_);
  EXPECT_EQ(client.get("/shards", old_one).result(), http::status::ok);
  admin_client browser(address_);
  browser.send("GET /events HTTP/1.1\r\nHost: a\r\n" + old_one + "\r\n");
  while (!is_watched())
    std::this_thread::yield();

  on_control_thread([this] { endpoint_->set_token("the-old-one"); });
  EXPECT_TRUE(is_watched()) << "it is the same";
  on_control_thread([this] { endpoint_->set_token("the-new-one"); });
  EXPECT_EQ(client.get("/shards", old_one).result(), http::status::unauthorized);
  EXPECT_EQ(client.get("/shards", new_one).result(), http::status::ok);
  EXPECT_THAT(browser.receive_all(), HasSubstr("text/event-stream")) << "and then it ends";

  on_control_thread([this] { endpoint_->set_token(""); });
  EXPECT_EQ(client.get("/shards").result(), http::status::ok) << "it is from this machine";
}

TEST_F(AdminEndpoint, WhoDoesNotReadEventsIsLetGoAndCounted) {
  start({.deadline = std::chrono::seconds(1)});
  const auto slow = [this] {
    return refusals_[static_cast<std::size_t>(admin_refusal::slow)].load();
  };
  admin_client browser(address_);
  browser.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  while (!is_watched())
    std::this_thread::yield();
  // More than the sockets between the two hold.
  const std::string large(event_reader::pending_bytes_max / 2, 'x');
  while (is_watched())
    on_control_thread([&] { feed_.publish("sample", large); });
  while (slow() == 0)
    std::this_thread::yield();
  EXPECT_EQ(slow(), 1);
  EXPECT_EQ(admin_client(address_).get("/healthz").result(), http::status::ok);
}

TEST_F(AdminEndpoint, EventsEndWithTheEndpoint) {
  start();
  admin_client browser(address_);
  browser.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  while (!is_watched())
    std::this_thread::yield();
  on_control_thread([this] { endpoint_->stop(); });
  EXPECT_THAT(browser.receive_all(), HasSubstr("text/event-stream"));
}

}  // namespace
}  // namespace presenter::gateway
