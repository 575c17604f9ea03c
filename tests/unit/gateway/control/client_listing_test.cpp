#include "gateway/control/client_listing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "shard_router/hash_ring.hpp"

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;
using shard_router::backend_entry;

client_facts client(std::uint64_t number, const char* backend = "chat-a") {
  client_facts facts;
  facts.number = number;
  facts.peer = {boost::asio::ip::make_address("192.0.2.7"), 1'234};
  facts.phase = client_phase::relaying;
  facts.ring_hash = shard_router::ring_hash_of("ann");
  backend_entry entry;
  entry.name = backend;
  facts.backend = std::make_shared<const backend_entry>(entry);
  facts.idle = 90s;
  return facts;
}

std::optional<listing_order> order_of(const std::string& query, std::string* why = nullptr) {
  std::string mistake;
  const auto parsed = admin_query::parse("/clients?" + query);
  EXPECT_TRUE(parsed);
  auto order = read_listing_order(*parsed, mistake);
  EXPECT_EQ(order.has_value(), mistake.empty()) << mistake;
  if (why != nullptr) *why = mistake;
  return order;
}

bool lets_through(const std::string& query, const client_facts& facts) {
  return order_of(query)->filter.matches(facts);
}

TEST(ClientFilter, LetsEverybodyThroughWhoIsAskedFor) {
  client_facts nobody;
  nobody.phase = client_phase::handshake;
  EXPECT_TRUE(lets_through("", nobody));
  for (const auto* query : {"key=ann", "backend=chat-a", "phase=relaying", "idle=90s",
                            "address=192.0.2.0/24", "address=192.0.2.7"}) {
    EXPECT_TRUE(lets_through(query, client(1))) << query;
    EXPECT_FALSE(lets_through(query, nobody)) << query;
  }
  for (const auto* query : {"key=ben", "backend=chat-b", "phase=closing", "idle=91s",
                            "address=192.0.3.0/24", "hash=1", "key=ann&backend=chat-b"})
    EXPECT_FALSE(lets_through(query, client(1))) << query;
}

TEST(ClientFilter, RefusesWhatItDoesNotUnderstand) {
  for (const auto* query :
       {"kye=ann", "key=", "hash=xyz", "address=here", "address=10.0.0.1/8", "phase=asleep",
        "idle=5", "idle=-5s", "bytes=-1", "bytes=1k", "count=0", "count=1001", "count=x",
        "cursor=5", "cursor=0.", "cursor=.1", "cursor=a.b", "cursor=0.1.2"}) {
    std::string why;
    EXPECT_FALSE(order_of(query, &why)) << query;
    EXPECT_FALSE(why.empty()) << query;
  }
}

// One worker, walked through page by page, in whatever order the clients are met.
class ClientCursor : public testing::Test {
 protected:
  std::vector<std::uint64_t> page(const std::string& query) {
    const auto order = order_of(query);
    client_choice choice(order->filter, order->behind.number, order->count + 1);
    for (const std::uint64_t number : here)
      choice.offer(client(number), [](client_facts& facts) { facts.bytes_to_client = 10; });
    const auto made =
        listing_page("g", *order, {{"stem", choice.matching(), std::move(choice).chosen()}});
    std::vector<std::uint64_t> numbers;
    for (const auto& each : made.at("clients"))
      numbers.push_back(std::stoull(each.at("tag").get<std::string>().substr(5)));
    next = made.at("next").is_null() ? "" : made.at("next").get<std::string>();
    matching = made.at("matching").get<std::size_t>();
    return numbers;
  }

  std::vector<std::uint64_t> here{5, 3, 9, 1, 7, 2};
  std::string next;
  std::size_t matching = 0;
};

using numbers = std::vector<std::uint64_t>;

TEST_F(ClientCursor, ShowsEverybodyOnceInTheOrderInWhichTheyCame) {
  EXPECT_EQ(page("count=4"), (numbers{1, 2, 3, 5}));
  EXPECT_EQ(matching, 6U);
  EXPECT_EQ(next, "0.5");
  EXPECT_EQ(page("count=4&cursor=" + next), (numbers{7, 9}));
  EXPECT_EQ(matching, 6U) << "those in front as well";
  EXPECT_EQ(next, "");
}

TEST_F(ClientCursor, HoldsWhoeverLeavesOrComesMeanwhile) {
  EXPECT_EQ(page("count=3"), (numbers{1, 2, 3}));
  here = {3, 9, 2, 11};  // also the one that the cursor names may go
  std::erase(here, 3U);
  EXPECT_EQ(page("count=3&cursor=" + next), (numbers{9, 11}));
  here.clear();
  EXPECT_EQ(page("count=3&cursor=0.9"), numbers{});
  EXPECT_EQ(next, "");
}

TEST_F(ClientCursor, SaysThatThereIsNoMoreWhereThePageIsJustFull) {
  EXPECT_EQ(page("count=6").size(), 6U);
  EXPECT_EQ(next, "");
}

TEST_F(ClientCursor, LooksAtTheBytesOnlyOfThoseItNeeds) {
  EXPECT_EQ(page("bytes=10&count=2"), (numbers{1, 2}));
  EXPECT_EQ(page("bytes=11"), numbers{});
  EXPECT_EQ(matching, 0U);
}

TEST(ClientListing, GoesOnAtTheNextWorker) {
  const auto order = order_of("count=3&cursor=0.1");
  const std::vector<worker_listing> of_worker{
      {"a", 2, {client(2)}}, {"b", 2, {client(1), client(4)}}, {"", 0, {}}, {"d", 1, {client(8)}}};
  const auto page = listing_page("g", *order, of_worker);
  std::vector<std::string> tags;
  for (const auto& each : page.at("clients"))
    tags.push_back(each.at("tag"));
  EXPECT_EQ(tags, (std::vector<std::string>{"a-2", "b-1", "b-4"}));
  EXPECT_EQ(page.at("next"), "1.4");
  EXPECT_EQ(page.at("matching"), 5);
}

TEST(ClientListing, ShowsNoKeyAndNoBackendThatIsNotThere) {
  client_facts facts = client(7);
  facts.bytes_to_backend = 3;
  auto page = client_page(facts, 1, "g-1");
  EXPECT_EQ(page.at("tag"), "g-1-7");
  EXPECT_EQ(page.at("worker"), 1);
  EXPECT_EQ(page.at("address"), "192.0.2.7:1234");
  EXPECT_EQ(page.at("backend"), "chat-a");
  EXPECT_EQ(page.at("hash").get<std::string>().size(), 16U);
  EXPECT_EQ(page.dump().find("ann"), std::string::npos);
  facts.backend = nullptr;
  page = client_page(facts, 1, "g-1");
  EXPECT_TRUE(page.at("backend").is_null());
  EXPECT_TRUE(page.at("hash").is_null());
}

}  // namespace
}  // namespace presenter::gateway
