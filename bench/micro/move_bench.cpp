// What a change of the map costs a worker's loop: streams of 100 backends are compared with a map
// of 101, some in each turn, and then those whose owner changed are told to move. `longest_us` is
// the longest stretch of any one call, in CPU time: what everybody else on the worker has to wait.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <deque>
#include <map>
#include <string>

#include "gateway/moves/stream_mover.hpp"

namespace presenter::gateway {
namespace {

using clock = std::chrono::steady_clock;

// Of this thread: other programs on the machine do not count.
clock::duration cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

constexpr std::size_t looks_per_turn = 512;  // as worker.cpp

// A client of the size of a session, so that the caches are as cold as they would be.
struct bench_client final : movable {
  explicit bench_client(std::uint64_t ring_hash) { set_ring_hash(ring_hash); }
  void open(std::shared_ptr<const shard_router::backend_entry> at) { set_backend(std::move(at)); }
  void on_move(move_cause) override { ++moved; }

  int moved = 0;
  char rest[600] = {};
};

std::shared_ptr<const shard_router::shard_map> map_of(int backends) {
  std::vector<shard_router::backend_entry> all;
  all.reserve(static_cast<std::size_t>(backends));
  for (int i = 0; i < backends; ++i) {
    all.push_back({.name = "chat-" + std::to_string(i),
                   .host = "10.0.0.1",
                   .port = 4'000,
                   .weight = 100,
                   .state = shard_router::backend_state::up,
                   .instance = "0b2d6e9a-3f3c-4d4e-8a53-61f0a1c2d3e4"});
  }
  return std::make_shared<shard_router::shard_map>(backends, std::move(all));
}

struct fixture {
  explicit fixture(std::size_t streams) : before(map_of(100)), after(map_of(101)) {
    mover.set_map(before, now);
    std::map<std::string, std::shared_ptr<const shard_router::backend_entry>> backends;
    for (const auto& backend : before->backends())
      backends[backend.name] = std::make_shared<shard_router::backend_entry>(backend);
    for (std::size_t i = 0; i < streams; ++i) {
      const auto hash = shard_router::ring_hash_of("couple-" + std::to_string(i));
      bench_client& client = clients.emplace_back(hash);
      client.open(backends[before->owner_of(hash)->name]);
      mover.add(client, now);
    }
  }

  // One call, timed by itself.
  template <class Call>
  auto stretch(Call call) {
    const auto begin = cpu_time();
    auto result = call();
    longest = std::max(longest, cpu_time() - begin);
    return result;
  }

  void change(const std::shared_ptr<const shard_router::shard_map>& map) {
    stretch([&] {
      mover.set_map(map, now);
      return 0;
    });
    while (stretch([&] { return mover.look(looks_per_turn, now); })) {
    }
  }

  clock::time_point now{std::chrono::seconds(1)};
  clock::duration longest{0};
  worker_metrics metrics;
  stream_mover mover{{.paces = {.closes = 1e6}, .left_grace = {}}, 1, metrics, [] {}};
  std::shared_ptr<const shard_router::shard_map> before, after;
  std::deque<bench_client> clients;
};

void map_change(benchmark::State& state) {
  fixture all(static_cast<std::size_t>(state.range(0)));
  std::size_t pending = 0;
  bool is_after = false;
  for (auto _ : state) {
    is_after = !is_after;
    all.change(is_after ? all.after : all.before);
    if (is_after) pending = all.mover.pending();
  }
  state.counters["longest_us"] = std::chrono::duration<double, std::micro>(all.longest).count();
  state.counters["to_move"] = static_cast<double>(pending);
}
BENCHMARK(map_change)->Arg(15'000)->Arg(150'000)->Unit(benchmark::kMillisecond);

// A link with so many streams breaks: each client waits for its turn instead of being closed now.
void link_lost(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    fixture all(static_cast<std::size_t>(state.range(0)));
    state.ResumeTiming();
    for (bench_client& client : all.clients)
      all.mover.strand(client, move_cause::link_lost, all.now);
    state.PauseTiming();
    all.clients.clear();
    state.ResumeTiming();
  }
}
BENCHMARK(link_lost)->Arg(15'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace presenter::gateway
