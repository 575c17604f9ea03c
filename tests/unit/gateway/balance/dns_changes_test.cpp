#include "gateway/balance/dns_changes.hpp"

#include <gtest/gtest.h>

#include "tests/unit/gateway/balance/made_state.hpp"

namespace presenter::gateway {
namespace {

TEST(DnsChanges, AreRecordsAddedRemovedAndOfAnotherWeight) {
  const dns_state before = state_of({{"g1", 1}, {"g2", 1}, {"g3", 1}});
  EXPECT_EQ(count_changes(before, before), 0U);
  EXPECT_EQ(count_changes(before, state_of({{"g1", 1}, {"g2", 0.5}, {"g4", 1}})), 3U);
  EXPECT_EQ(count_changes({}, before), 3U);
}

TEST(DnsChanges, AreAllRecordsUnderAnotherNameOrWithAnotherTtl) {
  const dns_state before = state_of({{"g1", 1}, {"g2", 1}});
  dns_state after = before;
  after.ttl = std::chrono::seconds(30);
  EXPECT_EQ(count_changes(before, after), 4U);
  after = before;
  after.record_name = "other.example";
  EXPECT_EQ(count_changes(before, after), 4U);
}

}  // namespace
}  // namespace presenter::gateway
