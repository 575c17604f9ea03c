// Against a peer on loopback that answers whatever the test says;
// tests/integration/powerdns_test.py has a real PowerDNS.
#include "gateway/balance/powerdns/powerdns_publisher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <fstream>
#include <optional>

#include "tests/support/io_turns.hpp"
#include "tests/support/own_folder.hpp"
#include "tests/unit/gateway/balance/made_state.hpp"

namespace presenter::gateway {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

const std::string empty_zone = R"({"name": "example.", "rrsets": []})";

class PowerdnsPublisher : public ::testing::Test {
 protected:
  PowerdnsPublisher() { write_key("secret\n", std::filesystem::perms::owner_read); }

  void write_key(const std::string& text, std::filesystem::perms mode) {
    std::filesystem::remove(folder / "key");
    std::ofstream(folder / "key") << text;
    std::filesystem::permissions(folder / "key", mode);
  }
  void reply(int status, const std::string& body, const std::string& header = {}) {
    replies.push_back("HTTP/1.1 " + std::to_string(status) + " Word\r\n" + header +
                      "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  // Each connection takes a request and has the next reply.
  void serve() {
    acceptor.async_accept([this](error_code failed, tcp::socket socket) {
      if (failed) return;
      peer.emplace(std::move(socket));
      requests.emplace_back();
      read();
    });
  }
  void read() {
    peer->async_read_some(asio::buffer(piece), [this](error_code failed, std::size_t size) {
      if (failed) return serve();
      requests.back().append(piece.data(), size);
      if (!is_whole(requests.back())) return read();
      if (replies.empty()) return serve();
      error_code ignored;
      asio::write(*peer, asio::buffer(replies.front()), ignored);
      replies.pop_front();
      peer->close(ignored);
      serve();
    });
  }
  static bool is_whole(const std::string& request) {
    return request.ends_with("\r\n\r\n") || request.ends_with("]}");
  }
  powerdns_settings settings() {
    return {.url = {.is_tls = false,
                    .host = "127.0.0.1",
                    .port = acceptor.local_endpoint().port(),
                    .target = "/dns/"},
            .zone = "Example",
            .record = "chat.example",
            .api_key_file = folder / "key",
            .ca_file = {},
            .timeout = std::chrono::seconds(60)};
  }
  publish_result wait(dns_publisher& publisher, const std::optional<dns_state>& state) {
    std::optional<publish_result> result;
    const auto done = [&result](publish_result what) { result = std::move(what); };
    if (state)
      publisher.publish(*state, done);
    else
      publisher.check(done);
    EXPECT_FALSE(result) << "not inside the call";
    EXPECT_TRUE(tests::run_until(io, [&] { return result.has_value(); }));
    return result.value_or(publish_result());
  }
  publish_result publish(const dns_state& state) {
    powerdns_publisher publisher(io, settings());
    return wait(publisher, state);
  }
  publish_result check() {
    powerdns_publisher publisher(io, settings());
    return wait(publisher, std::nullopt);
  }
  // Of a publish whose first request has this reply.
  publish_result after(int status, const std::string& body, const std::string& header = {}) {
    reply(status, body, header);
    return publish(state_of({{"g1", 1}}));
  }
  std::string where() { return "PowerDNS at " + settings().url.authority() + ": "; }

  tests::own_folder folder;
  asio::io_context io;
  tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
  std::optional<tcp::socket> peer;
  std::array<char, 4'096> piece;
  std::deque<std::string> replies;
  std::vector<std::string> requests;
};

TEST_F(PowerdnsPublisher, LooksThenChangesItsOwnRecordSet) {
  serve();
  reply(200, empty_zone);
  reply(204, "");
  const publish_result result = publish(state_of({{"g1", 1}, {"g2", 0.5}}));
  EXPECT_TRUE(result.is_ok()) << result.text;
  EXPECT_EQ(result.changed, 2U);
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_THAT(requests[0], StartsWith("GET /dns/api/v1/servers/localhost/zones/example."
                                      "?rrset_name=chat.example. HTTP/1.1\r\n"));
  EXPECT_THAT(requests[0], HasSubstr("\r\nX-API-Key: secret\r\n"));
  EXPECT_THAT(requests[1],
              StartsWith("PATCH /dns/api/v1/servers/localhost/zones/example. HTTP/1.1\r\n"));
  EXPECT_THAT(requests[1], HasSubstr("{100,'192.0.2.1'},{50,'192.0.2.2'}"));
}

TEST_F(PowerdnsPublisher, ChangesNothingThatIsSoAlready) {
  serve();
  reply(200, R"({"rrsets": [{"name": "chat.example.", "type": "LUA", "ttl": 60, "records": [
    {"content": "A \"--[[presenter]] pickwrandom({{100,'192.0.2.1'},})\""}]}]})");
  const publish_result result = publish(state_of({{"g1", 1}}));
  EXPECT_TRUE(result.is_ok()) << result.text;
  EXPECT_EQ(result.changed, 0U);
  EXPECT_THAT(requests, SizeIs(1));
}

TEST_F(PowerdnsPublisher, LeavesWhatOthersHave) {
  serve();
  const auto result = after(200, R"({"rrsets": [{"name": "chat.example.", "type": "A"}]})");
  EXPECT_EQ(result.error, publish_errc::conflicting_record);
  EXPECT_EQ(result.text,
            where() + "an A record of the name chat.example. is in the way: remove it");
  EXPECT_THAT(requests, SizeIs(1));
}

TEST_F(PowerdnsPublisher, NamesWhatPowerdnsRefuses) {
  serve();
  publish_result result = after(401, "Unauthorized");
  EXPECT_EQ(result.error, publish_errc::denied);
  EXPECT_THAT(result.text, HasSubstr("it refuses the key in '"));
  EXPECT_THAT(result.text, ::testing::Not(HasSubstr("secret")));
  result = after(404, "Not Found");
  EXPECT_EQ(result.error, publish_errc::unknown_zone);
  EXPECT_THAT(result.text, HasSubstr("it has no zone 'Example'"));
  EXPECT_EQ(after(422, R"({"error": "RRset x: Name is out of zone"})").error,
            publish_errc::not_in_zone);
  EXPECT_EQ(after(422, R"({"error": "RRset x: Conflicts with pre-existing RRset"})").error,
            publish_errc::conflicting_record);
  EXPECT_EQ(after(500, "Internal Server Error").text,
            where() + "status 500: Internal Server Error");
  EXPECT_EQ(after(502, "").error, publish_errc::unreachable);
  result = after(503, "", "Retry-After: 7\r\n");
  EXPECT_EQ(result.error, publish_errc::throttled);
  EXPECT_EQ(result.retry_after, std::chrono::seconds(7));
  for (const char* odd : {"-1", "x", "7 s", "99999999999999999999"})
    EXPECT_EQ(after(429, "", std::string("Retry-After: ") + odd + "\r\n").retry_after, std::nullopt)
        << odd;
}

TEST_F(PowerdnsPublisher, NamesRepliesThatAreNone) {
  serve();
  EXPECT_EQ(after(200, "<html>").error, publish_errc::invalid_reply);
  replies.emplace_back("SSH-2.0\r\n\r\n");
  EXPECT_EQ(publish(state_of({{"g1", 1}})).error, publish_errc::invalid_reply);
  replies.emplace_back();
  EXPECT_EQ(publish(state_of({{"g1", 1}})).error, publish_errc::invalid_reply);
}

TEST_F(PowerdnsPublisher, SaysThatNobodyAnswers) {
  serve();
  powerdns_settings impatient = settings();
  impatient.timeout = std::chrono::milliseconds(50);
  powerdns_publisher publisher(io, impatient);
  EXPECT_EQ(wait(publisher, state_of({{"g1", 1}})).error, publish_errc::timed_out);

  const powerdns_settings gone = settings();
  acceptor.close();
  powerdns_publisher lost(io, gone);
  const publish_result result = wait(lost, state_of({{"g1", 1}}));
  EXPECT_EQ(result.error, publish_errc::unreachable);
  EXPECT_THAT(result.text, HasSubstr("Connection refused"));
}

TEST_F(PowerdnsPublisher, NeedsAKeyThatNobodyElseReads) {
  write_key("secret\n", static_cast<std::filesystem::perms>(0644));
  publish_result result = publish(state_of({{"g1", 1}}));
  EXPECT_EQ(result.error, publish_errc::denied);
  EXPECT_THAT(result.text, HasSubstr("is open to others"));
  for (const char* bad : {"", "\n", "two words\n", "two\nlines\n"}) {
    write_key(bad, std::filesystem::perms::owner_read);
    result = check();
    EXPECT_EQ(result.error, publish_errc::denied) << bad;
    EXPECT_THAT(result.text, HasSubstr("does not hold one line with a key"));
  }
  std::filesystem::remove(folder / "key");
  EXPECT_THAT(publish(state_of({{"g1", 1}})).text, HasSubstr("No such file"));
}

TEST_F(PowerdnsPublisher, ServesOneZone) {
  dns_state state = state_of({{"g1", 1}});
  state.record_name = "chat.example.org";
  const publish_result result = publish(state);
  EXPECT_EQ(result.error, publish_errc::not_in_zone);
  EXPECT_THAT(result.text, HasSubstr("the name 'chat.example.org' is not in the zone 'Example'"));
}

TEST_F(PowerdnsPublisher, HasALargestNumberOfAddresses) {
  dns_state state = state_of({});
  for (unsigned i = 0; i <= powerdns::addresses_max; ++i)
    state.records.push_back({"g", asio::ip::address_v4(0x0a000000 + i), 1});
  EXPECT_EQ(publish(state).error, publish_errc::too_many_records);
}

TEST_F(PowerdnsPublisher, ChecksThatLuaRecordsAreServed) {
  serve();
  reply(200, R"([{"name": "enable-lua-records", "value": "yes"}])");
  reply(200, empty_zone);
  EXPECT_EQ(check().text, "");
  EXPECT_THAT(requests[0], StartsWith("GET /dns/api/v1/servers/localhost/config HTTP"));

  reply(200, R"([{"name": "enable-lua-records", "value": "no"}])");
  reply(200, R"([{"kind": "ENABLE-LUA-RECORDS", "metadata": ["1"]}])");
  reply(200, empty_zone);
  EXPECT_EQ(check().text, "");

  reply(200, R"([{"name": "enable-lua-records", "value": "no"}])");
  reply(200, "[]");
  const publish_result off = check();
  EXPECT_EQ(off.error, publish_errc::not_enabled);
  EXPECT_THAT(off.text, HasSubstr("it needs enable-lua-records=yes"));
}

TEST_F(PowerdnsPublisher, ChecksWhatIsUnderTheName) {
  serve();
  reply(200, R"([{"name": "enable-lua-records", "value": "yes"}])");
  reply(200, R"({"rrsets": [{"name": "chat.example.", "type": "CNAME"}]})");
  EXPECT_EQ(check().error, publish_errc::conflicting_record);
  EXPECT_THAT(requests, SizeIs(2)) << "a check changes nothing";
}

TEST_F(PowerdnsPublisher, CallsNobodyAfterItsEnd) {
  serve();
  bool is_called = false;
  const auto done = [&](const publish_result&) { is_called = true; };
  {
    powerdns_publisher short_lived(io, settings());
    short_lived.publish(state_of({{"g1", 1}}), done);
  }
  {
    std::filesystem::remove(folder / "key");
    powerdns_publisher without_key(io, settings());
    without_key.check(done);
  }
  tests::run_until_quiet(io);
  EXPECT_FALSE(is_called);
}

}  // namespace
}  // namespace presenter::gateway
