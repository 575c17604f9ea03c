// A link without sockets: two mux_cores, each one's output the other's input, and 128-byte messages
// on many streams. What is counted is a frame's whole way: submit_data, take_output, on_input,
// on_data, consumed, and the credit that comes back.
#include <benchmark/benchmark.h>

#include <limits>
#include <memory>
#include <vector>

#include "protocol/mux/mux_core.hpp"

namespace presenter::protocol {
namespace {

constexpr std::size_t payload_bytes = 128;

class bench_end;

// Takes every payload at once, and ends when its peer does.
class bench_stream final : public stream_handler {
 public:
  explicit bench_stream(bench_end& end) : end_(end) {}

  void on_accepted() override {}
  void on_refused(const refuse_frame&) override {}
  inline void on_data(std::span<const std::byte> payload, bool more) override;
  inline void on_finish() override;
  void on_writable() override {}
  void on_reset(reset_reason, bool) override {}
  void on_checkpoint(const checkpoint_frame&) override {}
  void on_handoff(const handoff_frame&) override {}
  void on_notice(const notice_frame&) override {}
  void on_link_lost(bool) override {}

  stream_id id;

 private:
  bench_end& end_;
};

class bench_end final : public link_handler {
 public:
  explicit bench_end(link_role role) : core(options_for(role), *this, now) {}

  void on_ready(const hello_frame&) override {}
  stream_handler* on_open(stream_id stream, const open_frame&) override {
    core.accept(stream);
    bench_stream& handler = spare_stream();
    handler.id = stream;
    return &handler;
  }
  void on_go_away(const go_away_frame&) override {}
  void on_output() override {}
  void on_can_open() override {}
  void on_failed(boost::system::error_code) override { has_failed = true; }

  bench_stream& open() {
    bench_stream& handler = spare_stream();
    open_frame open;
    open.key = "couple-1234567";
    handler.id = core.open(std::move(open), handler);
    return handler;
  }

  // As a socket does: control frames first.
  void send_to(bench_end& peer) {
    core.take_output(out_);
    for (byte_buffer* part : {&out_.control, &out_.data}) {
      if (!part->empty()) peer.core.on_input(part->bytes(), now);
      part->clear();
    }
  }

  static mux_options options_for(link_role role) {
    mux_options options;
    options.hello.role = role;
    options.opens_per_second = std::numeric_limits<std::int32_t>::max();
    return options;
  }

  mux_clock::time_point now{};
  mux_core core;
  std::vector<bench_stream*> spare;
  std::uint64_t frames = 0;
  bool has_failed = false;

 private:
  bench_stream& spare_stream() {
    if (spare.empty()) {
      owned_.push_back(std::make_unique<bench_stream>(*this));
      return *owned_.back();
    }
    bench_stream& stream = *spare.back();
    spare.pop_back();
    return stream;
  }

  std::vector<std::unique_ptr<bench_stream>> owned_;
  mux_output out_;
};

void bench_stream::on_data(std::span<const std::byte> payload, bool) {
  ++end_.frames;
  end_.core.consumed(id, payload.size());
}

void bench_stream::on_finish() {
  end_.core.finish(id);
  end_.core.release(id);
  end_.spare.push_back(this);
}

struct link_pair {
  link_pair() { exchange(); }

  void exchange() {
    gateway.send_to(backend);
    backend.send_to(gateway);
  }

  bench_end gateway{link_role::gateway};
  bench_end backend{link_role::backend};
};

void set_result(benchmark::State& state, const link_pair& link, std::uint64_t arrived,
                std::uint64_t expected) {
  if (arrived != expected || link.gateway.has_failed || link.backend.has_failed) {
    state.SkipWithError("frames were lost");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(arrived));
}

// Messages in both directions, the streams in turn, so many of them between two flushes.
void echo_frames(benchmark::State& state) {
  link_pair link;
  std::vector<stream_id> streams;
  for (std::int64_t i = 0; i != state.range(0); ++i) {
    streams.push_back(link.gateway.open().id);
    link.exchange();
  }
  const std::vector<std::byte> payload(payload_bytes, std::byte{'x'});
  std::size_t next = 0;
  const auto send_batch = [&](bench_end& from, bench_end& to) {
    for (std::int64_t i = 0; i != state.range(1); ++i) {
      from.core.submit_data(streams[next], payload, false);
      next = next + 1 == streams.size() ? 0 : next + 1;
    }
    from.send_to(to);
  };
  for (auto _ : state) {
    send_batch(link.gateway, link.backend);
    send_batch(link.backend, link.gateway);
  }
  set_result(state, link, link.gateway.frames + link.backend.frames,
             static_cast<std::uint64_t>(state.iterations() * 2 * state.range(1)));
}

// Whole lives: Open, a first packet and Finish; Accept and Finish back.
void open_and_finish(benchmark::State& state) {
  link_pair link;
  const std::vector<std::byte> payload(payload_bytes, std::byte{'x'});
  for (auto _ : state) {
    for (std::int64_t i = 0; i != state.range(0); ++i) {
      const stream_id stream = link.gateway.open().id;
      link.gateway.core.submit_data(stream, payload, false);
      link.gateway.core.finish(stream);
    }
    link.exchange();
  }
  set_result(state, link, link.backend.frames,
             static_cast<std::uint64_t>(state.iterations() * state.range(0)));
}

// streams on the link, frames between two flushes
BENCHMARK(echo_frames)->Args({1, 64})->Args({1'000, 64})->Args({15'000, 64})->Args({1'000, 1});
BENCHMARK(open_and_finish)->Arg(64);

}  // namespace
}  // namespace presenter::protocol
