// One link, real sockets, gateway and backend in a thread each, for long: over a gigabyte, and over
// a million streams. What a link keeps per stream or per byte, however little, shows as growth.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>

#include "tests/soak/memory_use.hpp"
#include "tests/soak/soak_backend.hpp"
#include "tests/soak/soak_gateway.hpp"

namespace presenter::testing {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t mebibyte = 1'024 * 1'024;

// Tables that grow by doubling, an arena's odd page. A byte per stream of a million is as much.
constexpr std::size_t growth_max = mebibyte / 2;
// The kernel counts whole pages, and free memory inside the heap moves them about.
constexpr std::size_t resident_growth_max = 2 * mebibyte;

// Small, so that credit which is lost a little at a time stops the link long before the end.
constexpr std::int32_t stream_window_bytes = 65'536;
constexpr std::int64_t link_window_bytes = 1'048'576;

// Much slower under a sanitizer, which sees each leak by itself.
constexpr std::size_t divided(std::size_t whole) {
  return is_sanitized ? whole / 20 : whole;
}

struct memory_use {
  std::size_t heap = heap_bytes_in_use();
  std::size_t resident = resident_bytes();
};

class LinkSoak : public ::testing::Test {
 protected:
  void link_up(std::size_t backend_buffer_bytes) {
    protocol::acceptor_options options;
    options.opens_per_second = std::numeric_limits<std::int32_t>::max();
    options.node = "backend";
    options.stream_window_bytes = stream_window_bytes;
    options.link_window_bytes = link_window_bytes;
    backend_.emplace(options, backend_buffer_bytes);

    protocol::mux_options ours;
    ours.hello.role = protocol::link_role::gateway;
    ours.hello.node = "gateway";
    ours.hello.stream_window_bytes = stream_window_bytes;
    ours.hello.link_window_bytes = link_window_bytes;
    protocol::link_socket socket(io_);
    socket.connect(backend_->endpoint());
    gateway_ = std::make_shared<soak_gateway>(std::move(socket), ours);
    gateway_->when_ready = [this] { io_.stop(); };
    gateway_->start();
    run_loop();
    ASSERT_TRUE(gateway_->is_ready());
  }

  void run(const soak_plan& plan) {
    gateway_->run(plan, [this] { io_.stop(); });
    run_loop();
    const soak_counts& counts = gateway_->counts();
    EXPECT_EQ(counts.ended, plan.streams);
    EXPECT_EQ(counts.failed, 0U);
    EXPECT_EQ(counts.wrong, 0U);
  }

  // A tenth to warm up, at least as many as there are at a time, then the rest.
  void soak(soak_plan plan) {
    const std::size_t all = plan.streams;
    plan.streams = std::max(all / 10, plan.at_a_time);
    run(plan);
    wait_backend_idle();
    if (HasFailure()) return;
    const memory_use before;
    plan.streams = all - plan.streams;
    const auto began = std::chrono::steady_clock::now();
    run(plan);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    wait_backend_idle();
    const memory_use after;
    report(took.count(), before, after);
    EXPECT_LE(after.heap, before.heap + growth_max);
    if (!is_sanitized) {
      EXPECT_LE(after.resident, before.resident + resident_growth_max);
    }
    expect_credit_is_back();
  }

  ~LinkSoak() override {
    if (gateway_ == nullptr) return;
    gateway_->close({});
    io_.restart();
    io_.poll();
  }

 private:
  void run_loop() {
    io_.restart();
    io_.run_for(80s);  // a limit for a broken run, below ctest's
  }

  // The last frames of streams that are over for the gateway are still on their way.
  void wait_backend_idle() {
    const auto give_up = std::chrono::steady_clock::now() + 30s;
    while (backend_->counters().streams_open != 0 && std::chrono::steady_clock::now() < give_up) {
      io_.restart();
      io_.run_for(1ms);
    }
    EXPECT_EQ(backend_->counters().streams_open, 0U);
    EXPECT_EQ(backend_->counters().links_failed, 0U);
  }

  // A grant is only due when less than half is left: more is not owed, and what went missing a
  // little per stream would have stopped the link.
  void expect_credit_is_back() {
    EXPECT_EQ(gateway_->core().link_bytes_buffered(), 0);
    EXPECT_GE(gateway_->core().link_credit(), link_window_bytes / 2);
    EXPECT_LE(gateway_->core().link_credit(), link_window_bytes);
  }

  void report(double seconds, const memory_use& before, const memory_use& after) {
    const soak_counts& counts = gateway_->counts();
    const auto growth = [](std::size_t from, std::size_t to) {
      return (static_cast<double>(to) - static_cast<double>(from)) / 1'024;
    };
    std::cout << counts.ended << " streams, " << counts.bytes_sent / mebibyte << " MiB out, "
              << counts.bytes_received / mebibyte << " MiB in, " << seconds << " s; heap "
              << before.heap / 1'024 << " KiB " << std::showpos << growth(before.heap, after.heap)
              << " KiB, resident " << std::noshowpos << before.resident / 1'024 << " KiB "
              << std::showpos << growth(before.resident, after.resident) << " KiB" << std::noshowpos
              << std::endl;
  }

  std::optional<soak_backend> backend_;
  boost::asio::io_context io_{1};
  std::shared_ptr<soak_gateway> gateway_;
};

TEST_F(LinkSoak, OverAGigabyteLeavesNothingBehind) {
  link_up(16 * 1'024);
  soak_plan plan;
  plan.streams = divided(640);
  plan.at_a_time = 16;
  plan.stream_bytes = 2 * mebibyte;
  plan.kinds = {soak_kind::gateway_finishes};
  soak(plan);
}

TEST_F(LinkSoak, OverAMillionStreamsLeaveNothingBehind) {
  link_up(256);
  soak_plan plan;
  plan.streams = divided(1'200'000);
  plan.at_a_time = 200;
  plan.stream_bytes = 128;
  plan.kinds = {soak_kind::gateway_finishes, soak_kind::backend_finishes,
                soak_kind::gateway_finishes, soak_kind::gateway_resets,
                soak_kind::backend_resets,   soak_kind::refused};
  soak(plan);
}

}  // namespace
}  // namespace presenter::testing
