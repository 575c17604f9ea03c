#include "gateway/upgrade/process_codec.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>

namespace presenter::gateway {
namespace {

using std::chrono::seconds;

process_state some_state() {
  process_state state;
  state.version = "1.2.3";
  state.name = "gateway-1";
  state.workers = 2;
  state.admin_listener = 7;
  state.admin_address = "127.0.0.1:9100";
  state.parent_channel = 8;
  state.counters = {{"upgrades.done", 3}, {"drain.closed", 4}};
  state.zookeeper_session = 0x1234567890;
  std::ranges::copy(std::string("0123456789abcdef"), state.zookeeper_password.begin());
  state.map = std::make_shared<const shard_router::shard_map>(
      9, std::vector<shard_router::backend_entry>{{.name = "chat-a", .host = "h", .port = 1}});
  state.own_ticket_keys = std::string("own\0keys", 8);
  state.fleet_ticket_keys = "fleet";
  state.early_data = early_data_state{
      early_data_register::time(seconds(1)), early_data_register::time(seconds(3)),
      early_data_register::time(seconds(2)), std::string(16, 'f'), std::string(32, 'b')};
  state.started_at = std::chrono::milliseconds(55);
  state.has_been_ready = true;
  state.candidate = "candidate-";
  state.cpu = 0.25;
  state.upgrade = 4;
  state.begun_at = steady_point(seconds(10));
  state.frozen_at = steady_point(seconds(11));
  state.clients = 1'000;
  state.left_behind = 5;
  return state;
}

void expect_some_state(std::string_view bytes, double cpu) {
  const process_state given = some_state();
  const auto [state, mistake] = decode_process(bytes);
  ASSERT_EQ(mistake, "");
  EXPECT_EQ(state.version, given.version);
  EXPECT_EQ(state.name, given.name);
  EXPECT_EQ(state.workers, given.workers);
  EXPECT_EQ(state.admin_listener, given.admin_listener);
  EXPECT_EQ(state.admin_address, given.admin_address);
  EXPECT_EQ(state.parent_channel, given.parent_channel);
  EXPECT_EQ(state.counters, given.counters);
  EXPECT_EQ(state.zookeeper_session, given.zookeeper_session);
  EXPECT_EQ(state.zookeeper_password, given.zookeeper_password);
  ASSERT_NE(state.map, nullptr);
  EXPECT_EQ(state.map->epoch(), 9);
  EXPECT_EQ(state.map->backends(), given.map->backends());
  EXPECT_EQ(state.own_ticket_keys, given.own_ticket_keys);
  EXPECT_EQ(state.fleet_ticket_keys, given.fleet_ticket_keys);
  ASSERT_TRUE(state.early_data);
  EXPECT_EQ(state.early_data->started, given.early_data->started);
  EXPECT_EQ(state.early_data->newest, given.early_data->newest);
  EXPECT_EQ(state.early_data->filling_since, given.early_data->filling_since);
  EXPECT_EQ(state.early_data->filling, given.early_data->filling);
  EXPECT_EQ(state.early_data->before, given.early_data->before);
  EXPECT_EQ(state.started_at, given.started_at);
  EXPECT_TRUE(state.has_been_ready);
  EXPECT_EQ(state.candidate, given.candidate);
  EXPECT_EQ(state.cpu, cpu);
  EXPECT_EQ(state.upgrade, given.upgrade);
  EXPECT_EQ(state.begun_at, given.begun_at);
  EXPECT_EQ(state.frozen_at, given.frozen_at);
  EXPECT_EQ(state.clients, given.clients);
  EXPECT_EQ(state.left_behind, given.left_behind);
}

TEST(ProcessCodec, GivesBackAllOfIt) {
  expect_some_state(encode_process(some_state()), 0.25);
}

TEST(ProcessCodec, GivesBackThePlacesOfTheAdminEndpoint) {
  process_state given = some_state();
  given.admin_socket = 9;
  given.admin_socket_path = "/run/presenter/g.sock";
  given.metrics_listener = 10;
  given.metrics_address = "0.0.0.0:9101";
  const auto [state, mistake] = decode_process(encode_process(given));
  EXPECT_EQ(state.admin_socket, 9);
  EXPECT_EQ(state.admin_socket_path, given.admin_socket_path);
  EXPECT_EQ(state.metrics_listener, 10);
  EXPECT_EQ(state.metrics_address, given.metrics_address);
}

// What processes of the first version have written can always be read. To make the file:
// PRESENTER_GOLDEN_WRITE=file gateway_upgrade_test --gtest_filter='ProcessCodec.*Version1*'
TEST(ProcessCodec, ReadsWhatVersion1HasWritten) {
  if (const char* file = std::getenv("PRESENTER_GOLDEN_WRITE"))
    std::ofstream(file, std::ios::binary) << encode_process(some_state());
  std::ifstream file(PRESENTER_GOLDEN "/process_1", std::ios::binary);
  expect_some_state(std::string{std::istreambuf_iterator<char>(file), {}}, 0);
}

TEST(ProcessCodec, TakesWhatAnOlderProcessLeavesOut) {
  const auto [state, mistake] = decode_process(std::string(1, '\0'));
  EXPECT_EQ(mistake, "");
  EXPECT_EQ(state.admin_listener, -1);
  EXPECT_EQ(state.admin_socket, -1);
  EXPECT_EQ(state.metrics_listener, -1);
  EXPECT_EQ(state.parent_channel, -1);
  EXPECT_EQ(state.zookeeper_session, 0);
  EXPECT_EQ(state.map, nullptr);
  EXPECT_FALSE(state.early_data);
}

TEST(ProcessCodec, NamesWhatIsWrong) {
  const std::string good = encode_process(some_state());
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_NE(decode_process(std::string_view(good).substr(0, size)).mistake, "") << size;
  process_state bad = some_state();
  bad.clients = ~std::size_t{0};
  EXPECT_NE(decode_process(encode_process(bad)).mistake, "");
  bad = some_state();
  bad.cpu = std::numeric_limits<double>::quiet_NaN();
  EXPECT_NE(decode_process(encode_process(bad)).mistake, "");
}

}  // namespace
}  // namespace presenter::gateway
