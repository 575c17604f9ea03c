#include "gateway/accept/arrival_watch.hpp"

#include <gtest/gtest.h>

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;

constexpr arrival_watch::time_point start{1h};

TEST(ArrivalWatch, PutsAddressesIntoNetworks) {
  EXPECT_EQ(network_of(make_address("192.0.2.77")), "192.0.2.0/24");
  EXPECT_EQ(network_of(make_address("::ffff:192.0.2.77")), "192.0.2.0/24");
  EXPECT_EQ(network_of(make_address("2001:db8:1:2ff:3::4")), "2001:db8:1:200::/56");
}

TEST(ArrivalWatch, CountsOnlyWhileItIsOn) {
  arrival_watch watch;
  watch.note(make_address("192.0.2.1"), start);
  EXPECT_EQ(watch.sum().first, 0U);
  watch.start();
  watch.note(make_address("192.0.2.1"), start + 1s);
  watch.note(make_address("192.0.2.2"), start + 3s);
  watch.note(make_address("198.51.100.1"), start + 2s);
  watch.stop();
  watch.note(make_address("192.0.2.1"), start + 9s);
  EXPECT_EQ(watch.sum(), std::pair(std::uint64_t{3}, std::optional(start + 3s)));
  const arrival_list all = watch.list(10);
  ASSERT_EQ(all.networks.size(), 2U);
  EXPECT_EQ(all.networks[0].name, "192.0.2.0/24");
  EXPECT_EQ(all.networks[0].clients, 2U);
  EXPECT_EQ(all.networks[0].last, start + 3s);
  EXPECT_EQ(watch.list(1).clients_elsewhere, 1U);
  watch.start();
  EXPECT_EQ(watch.sum().first, 0U) << "each drain has its own";
}

TEST(ArrivalWatch, ItsTableIsBounded) {
  arrival_watch watch;
  watch.start();
  for (std::uint32_t i = 0; i < arrival_watch::networks_max + 5; ++i)
    watch.note(boost::asio::ip::address_v4(i << 8), start);
  const arrival_list all = watch.list(arrival_watch::networks_max);
  EXPECT_EQ(all.networks.size(), arrival_watch::networks_max);
  EXPECT_EQ(all.clients_elsewhere, 5U);
  EXPECT_EQ(all.clients, arrival_watch::networks_max + 5);
}

}  // namespace
}  // namespace presenter::gateway
