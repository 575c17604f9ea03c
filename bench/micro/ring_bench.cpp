// The shard map: what a change of the fleet costs the control thread, and a look-up a new client.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "shard_router/shard_map.hpp"

namespace presenter::shard_router {
namespace {

std::vector<backend_entry> fleet_of(std::int64_t count) {
  std::vector<backend_entry> backends;
  for (std::int64_t i = 0; i < count; ++i) {
    backend_entry each;
    each.name = "chat-" + std::to_string(i);
    each.host = "10.0.0.7";
    each.port = 7000;
    backends.push_back(std::move(each));
  }
  return backends;
}

void BM_map_build(benchmark::State& state) {
  const auto backends = fleet_of(state.range(0));
  for (auto _ : state)
    benchmark::DoNotOptimize(shard_map(1, backends));
}
BENCHMARK(BM_map_build)->Arg(10)->Arg(100)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMillisecond);

// Keys in no order and more of them than any cache holds buckets for, so that a look-up is cold.
void BM_map_owner(benchmark::State& state) {
  const shard_map map(1, fleet_of(state.range(0)));
  std::vector<std::string> keys;
  keys.reserve(100'000);
  for (int i = 0; i < 100'000; ++i)
    keys.push_back("couple-" + std::to_string(i));
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(map.owner(keys[next]));
    next = next + 1 == keys.size() ? 0 : next + 1;
  }
}
BENCHMARK(BM_map_owner)->Arg(10)->Arg(100)->Arg(1'000);

}  // namespace
}  // namespace presenter::shard_router
