// What `presenterctl gateway clients` costs a worker's loop: all of its clients are looked at, some
// in each turn, by the code that the gateway lists them with. `longest_us` is the longest stretch
// of one turn, in CPU time: what everybody else on the worker has to wait. A client here is as
// large as a session, has its fields where they are read, and a stream of a real link; it has no
// socket, of which one process cannot have so many.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gateway/control/client_facts_of.hpp"
#include "gateway/control/client_listing.hpp"
#include "gateway/worker/client_set.hpp"
#include "gateway/worker/survey_queue.hpp"
#include "protocol/mux/mux_core.hpp"

namespace presenter::gateway {
namespace {

using clock = std::chrono::steady_clock;
using entry_ptr = std::shared_ptr<const shard_router::backend_entry>;
using bench_hook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

// Of this thread: other programs on the machine do not count.
clock::duration cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// One end of a link: all of its streams are accepted, and nothing is done with them.
class bench_end final : public protocol::link_handler, private protocol::stream_handler {
 public:
  explicit bench_end(protocol::link_role role) : core(options_for(role), *this, {}) {}

  protocol::stream_id open(std::string key) {
    protocol::open_frame open;
    open.key = std::move(key);
    return core.open(std::move(open), *this);
  }
  void send_to(bench_end& peer) {
    core.take_output(out_);
    for (byte_buffer* part : {&out_.control, &out_.data}) {
      if (!part->empty()) peer.core.on_input(part->bytes(), {});
      part->clear();
    }
  }

  protocol::mux_core core;

 private:
  static protocol::mux_options options_for(protocol::link_role role) {
    protocol::mux_options options;
    options.hello.role = role;
    options.hello.streams_open_max = std::numeric_limits<std::int32_t>::max();
    options.opens_per_second = std::numeric_limits<std::int32_t>::max();
    return options;
  }

  void on_ready(const protocol::hello_frame&) override {}
  protocol::stream_handler* on_open(protocol::stream_id stream,
                                    const protocol::open_frame&) override {
    core.accept(stream);
    return this;
  }
  void on_go_away(const protocol::go_away_frame&) override {}
  void on_output() override {}
  void on_can_open() override {}
  void on_failed(boost::system::error_code) override {}
  void on_accepted() override {}
  void on_refused(const protocol::refuse_frame&) override {}
  void on_data(std::span<const std::byte>, bool) override {}
  void on_finish() override {}
  void on_writable() override {}
  void on_reset(protocol::reset_reason, bool) override {}
  void on_checkpoint(const protocol::checkpoint_frame&) override {}
  void on_handoff(const protocol::handoff_frame&) override {}
  void on_notice(const protocol::notice_frame&) override {}
  void on_link_lost(bool) override {}

  protocol::mux_output out_;
};

class bench_client final : public bench_hook, public movable {
 public:
  bench_client(std::uint64_t number, const protocol::mux_core& link, protocol::stream_id stream,
               entry_ptr backend)
      : number_(number), link_(link), stream_(stream) {
    set_ring_hash(number * 0x9e37'79b9'7f4a'7c15U);
    set_backend(std::move(backend));
  }

  std::uint64_t number() const { return number_; }
  const boost::asio::ip::tcp::endpoint& peer() const { return peer_; }
  client_phase phase() const { return phase_; }
  steady_time accepted_at() const { return accepted_at_; }
  steady_time idle_since() const { return idle_since_; }
  protocol::stream_traffic traffic() const { return link_.traffic(stream_); }
  bool mark_surveyed(std::uint32_t survey) { return std::exchange(survey_, survey) != survey; }

 private:
  void on_move(move_cause) override {}

  const boost::asio::ip::tcp::endpoint peer_{boost::asio::ip::make_address("192.0.2.7"), 1'234};
  const std::uint64_t number_;
  const steady_time accepted_at_{};
  steady_time idle_since_{};
  client_phase phase_ = client_phase::relaying;
  std::uint32_t survey_ = 0;
  [[maybe_unused]] std::byte between_[sizeof(client_session) - 240] = {};
  const protocol::mux_core& link_;
  const protocol::stream_id stream_;
};

struct fixture {
  explicit fixture(std::size_t count) {
    exchange();
    std::vector<std::uint64_t> numbers;
    numbers.reserve(count);
    for (std::size_t i = 1; i <= count; ++i)
      numbers.push_back(i);
    // As after a while, when many have come and gone: nobody's neighbour came just before.
    std::ranges::shuffle(numbers, std::mt19937(1));
    for (const std::uint64_t number : numbers) {
      clients.make(number, gateway.core, gateway.open("couple-" + std::to_string(number)), backend);
      if (number % 64 == 0) exchange();
    }
    exchange();
  }

  void exchange() {
    gateway.send_to(other);
    other.send_to(gateway);
  }

  // The whole listing; the page is made by another thread.
  std::size_t list(const client_filter& filter, std::uint64_t behind) {
    client_choice choice(filter, behind, listing_count_max + 1);
    bool is_over = false;
    surveys.add(decltype(surveys)::make(
        [&, now = clock::now()](bench_client& client) {
          choice.offer(facts_of(client, now),
                       [&](client_facts& facts) { add_traffic(client, facts); });
        },
        [&] { is_over = true; }));
    while (!is_over) {
      const auto begin = cpu_time();
      surveys.step(clients);
      longest = std::max(longest, cpu_time() - begin);
    }
    return choice.matching();
  }

  entry_ptr backend = std::make_shared<shard_router::backend_entry>();
  bench_end gateway{protocol::link_role::gateway};
  bench_end other{protocol::link_role::backend};
  client_set<bench_client, bench_hook> clients;
  survey_queue<bench_client> surveys;
  clock::duration longest{0};
};

void run(benchmark::State& state, const client_filter& filter, std::uint64_t behind) {
  fixture all(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state)
    benchmark::DoNotOptimize(all.list(filter, behind));
  state.counters["longest_us"] = std::chrono::duration<double, std::micro>(all.longest).count();
}

void first_page(benchmark::State& state) {
  run(state, {}, 0);
}

void page_in_the_middle(benchmark::State& state) {
  run(state, {}, static_cast<std::uint64_t>(state.range(0) / 2));
}

// Everybody's bytes are looked up, and everybody matches but for those.
void by_bytes(benchmark::State& state) {
  client_filter filter;
  filter.backend = "";
  filter.address = parse_address_range("192.0.2.0/24");
  filter.bytes_min = 1;
  run(state, filter, 0);
}

BENCHMARK(first_page)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);
BENCHMARK(page_in_the_middle)->Arg(100'000)->Unit(benchmark::kMillisecond);
BENCHMARK(by_bytes)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace presenter::gateway
