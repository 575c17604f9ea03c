// A private node: only its identity reads and writes it, and of two writers one wins.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "shard_router/errc.hpp"
#include "shard_router/zk_secret.hpp"
#include "tests/integration/shard_router/control_loop.hpp"

namespace presenter::shard_router::tests {
namespace {

using boost::system::error_code;
using namespace std::chrono_literals;

constexpr const char* path = "/secret";

// A session with an identity (or none), and what its zk_secret told.
struct holder {
  holder(boost::asio::io_context& control, zk_session_options options, std::string identity)
      : session(control.get_executor(), with(std::move(options), std::move(identity))),
        secret(session, path,
               {[this](const std::string& bytes, std::int32_t at) {
                  data = bytes;
                  version = at;
                  ++reads;
                },
                [this] { on_absent(); }, [this](error_code why) { refused = why; }},
               50ms) {
    session.start();
    secret.start();
  }

  static zk_session_options with(zk_session_options options, std::string identity) {
    options.digest_auth = std::move(identity);
    return options;
  }

  void on_absent() {
    ++absences;
    if (!wanted.empty()) create(wanted);
  }
  void create(const std::string& bytes) {
    secret.create(bytes, [this](error_code failed) { written = failed; });
  }
  void replace(const std::string& bytes) {
    secret.replace(bytes, version, [this](error_code failed) { written = failed; });
  }

  std::string wanted;  // what to create whenever there is no node
  std::string data;
  std::int32_t version = -1;
  unsigned reads = 0;
  unsigned absences = 0;
  error_code refused;
  std::optional<error_code> written;
  zk_session session;
  zk_secret secret;
};

class Secret : public ControlLoop {
 protected:
  std::unique_ptr<holder> make(std::string identity = "gateway:pass word") {
    return std::make_unique<holder>(control_, options(), std::move(identity));
  }

  // What somebody gets who asks for the node over a session of its own.
  error_code ask(const std::string& identity) {
    zk_session session(control_.get_executor(), holder::with(options(), identity));
    session.start();
    EXPECT_TRUE(run_until([&] { return session.state() == zk_state::connected; }));
    std::optional<error_code> answer;
    session.get_data(path, [&](error_code failed, const std::string& data, const zk_stat&) {
      EXPECT_EQ(data.empty(), failed.failed());
      answer = failed;
    });
    EXPECT_TRUE(run_until([&] { return answer.has_value(); }));
    return *answer;
  }

  // Creates the node open to everybody.
  void expose(const std::string& bytes) {
    zk_session session(control_.get_executor(), options());
    session.start();
    ASSERT_TRUE(run_until([&] { return session.state() == zk_state::connected; }));
    std::optional<error_code> done;
    session.create_persistent(path, [&](error_code) {
      session.set_data(path, bytes, -1, [&](error_code failed) { done = failed; });
    });
    ASSERT_TRUE(run_until([&] { return done.has_value(); }));
    ASSERT_FALSE(done->failed()) << done->message();
  }

  void remove(holder& by) {
    std::optional<error_code> done;
    by.session.remove(path, -1, [&](error_code failed) { done = failed; });
    ASSERT_TRUE(run_until([&] { return done.has_value(); }));
    ASSERT_FALSE(done->failed()) << done->message();
  }
};

TEST_F(Secret, IsCreatedWithItsChrootAndReadByWhoeverHasTheIdentity) {
  const auto one = make();
  ASSERT_TRUE(run_until([&] { return one->absences == 1; }));
  one->create("first");
  // The chroot is not there either: it is made, and the absence told again.
  ASSERT_TRUE(run_until([&] { return one->written.has_value(); }));
  EXPECT_EQ(*one->written, zk_errc::no_node);
  ASSERT_TRUE(run_until([&] { return one->absences == 2; }));
  one->create("first");
  ASSERT_TRUE(run_until([&] { return one->data == "first"; }));
  EXPECT_TRUE(one->secret.is_settled());

  const auto other = make();
  ASSERT_TRUE(run_until([&] { return other->data == "first"; }));
  EXPECT_EQ(other->absences, 0U);
  EXPECT_FALSE(other->refused);
}

TEST_F(Secret, NobodyElseReadsIt) {
  const auto one = make();
  one->wanted = "first";
  ASSERT_TRUE(run_until([&] { return one->data == "first"; }));
  EXPECT_EQ(ask(""), zk_errc::no_auth);
  EXPECT_EQ(ask("gateway:wrong"), zk_errc::no_auth);
  EXPECT_EQ(ask("other:pass word"), zk_errc::no_auth);
  EXPECT_EQ(ask("gateway:pass word"), error_code());

  std::optional<std::vector<zk_acl_entry>> acl;
  one->session.get_acl(path, [&](error_code, const std::vector<zk_acl_entry>& entries,
                                 const zk_stat&) { acl = entries; });
  ASSERT_TRUE(run_until([&] { return acl.has_value(); }));
  ASSERT_EQ(acl->size(), 1U);
  EXPECT_EQ(acl->front().scheme, "digest");
  EXPECT_TRUE(acl->front().id.starts_with("gateway:"));
  EXPECT_EQ(acl->front().id.find("pass word"), std::string::npos);
  EXPECT_EQ(acl->front().permissions, 31);
}

TEST_F(Secret, OfTwoWritersOneWinsAndTheOtherReadsWhatItWrote) {
  const auto one = make();
  const auto other = make();
  one->wanted = "first";
  ASSERT_TRUE(run_until([&] { return one->data == "first" && other->data == "first"; }));
  one->written.reset();
  one->replace("by one");
  other->replace("by other");
  ASSERT_TRUE(run_until([&] { return one->written && other->written; }));
  EXPECT_NE(one->written->failed(), other->written->failed());
  const bool one_won = !one->written->failed();
  EXPECT_EQ(one_won ? *other->written : *one->written, zk_errc::bad_version);
  const std::string winner = one_won ? "by one" : "by other";
  ASSERT_TRUE(run_until([&] { return one->data == winner && other->data == winner; }));
  EXPECT_EQ(one->version, other->version);
}

TEST_F(Secret, ANodeThatOthersCanTouchIsRefusedUntilItIsGone) {
  expose("a trap");
  const auto one = make();
  ASSERT_TRUE(run_until([&] { return one->refused == errc::secret_exposed; }));
  EXPECT_EQ(one->reads, 0U);
  EXPECT_EQ(one->absences, 0U);
  EXPECT_FALSE(one->secret.is_settled());
  ASSERT_TRUE(run_until([&] { return one->session.counters().secret_refusals >= 2; }));

  remove(*one);
  ASSERT_TRUE(run_until([&] { return one->absences == 1; }));
}

TEST_F(Secret, ANodeOfAnotherIdentityIsRefused) {
  const auto other = make("other:password");
  other->wanted = "others'";
  ASSERT_TRUE(run_until([&] { return other->data == "others'"; }));
  const auto one = make();
  ASSERT_TRUE(run_until([&] { return one->refused == errc::secret_denied; }));
  EXPECT_EQ(one->reads, 0U);
}

TEST_F(Secret, IsSeenAgainWhenItWasDeletedAndComesBack) {
  const auto one = make();
  const auto other = make();
  one->wanted = "first";
  ASSERT_TRUE(run_until([&] { return one->data == "first" && other->data == "first"; }));
  const unsigned absences = other->absences;
  one->wanted.clear();
  remove(*one);
  ASSERT_TRUE(run_until([&] { return other->absences == absences + 1; }));
  other->create("second");
  ASSERT_TRUE(run_until([&] { return one->data == "second" && other->data == "second"; }));
}

// The C client sends the identity again by itself, on each TCP connection; a new session has it
// too.
TEST_F(Secret, TheIdentityOutlivesAnOutageAndAnExpiry) {
  const auto one = make();
  one->wanted = "first";
  ASSERT_TRUE(run_until([&] { return one->data == "first"; }));
  the_zookeeper().kill();
  ASSERT_TRUE(run_until([&] { return one->session.state() != zk_state::connected; }));
  EXPECT_FALSE(one->secret.is_settled());
  the_zookeeper().restart();
  ASSERT_TRUE(run_until([&] { return one->reads >= 2 && one->secret.is_settled(); }));
  one->replace("second");
  ASSERT_TRUE(run_until([&] { return one->data == "second"; }));

  const zk_credentials& own = one->session.credentials();
  the_zookeeper().end_session(own.session_id, own.password);
  ASSERT_TRUE(run_until([&] { return one->session.counters().sessions_expired >= 1; }));
  const unsigned reads = one->reads;
  ASSERT_TRUE(run_until([&] { return one->reads > reads && one->secret.is_settled(); }));
  EXPECT_FALSE(one->refused);
}

// Between two attempts to connect the C client takes no identity.
TEST_F(Secret, TheIdentityIsThereHoweverLateZooKeeperIs) {
  the_zookeeper().kill();
  std::vector<std::unique_ptr<holder>> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(make());
    all.back()->wanted = "first";
  }
  for (int turn = 0; turn < 20; ++turn)
    control_.run_one_for(50ms);
  the_zookeeper().restart();
  for (const auto& each : all) {
    ASSERT_TRUE(run_until([&] { return each->data == "first"; }));
    EXPECT_FALSE(each->refused);
  }
}

}  // namespace
}  // namespace presenter::shard_router::tests
