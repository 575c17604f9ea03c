// How a test turns an io_context in which both ends of what it looks at live: never by the clock,
// but until what it waits for is there.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>

namespace presenter::tests {

// Turns the loop until `done`. A test that needs longer than a minute has hung; nothing is measured
// by that.
[[nodiscard]] inline ::testing::AssertionResult run_until(boost::asio::io_context& io,
                                                          const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!done()) {
    if (std::chrono::steady_clock::now() >= deadline)
      return ::testing::AssertionFailure() << "hung";
    io.restart();
    io.run_one_for(std::chrono::milliseconds(5));
  }
  return ::testing::AssertionSuccess();
}

// Turns the loop until nothing is ready. Loopback hands bytes over inside the send, so then nothing
// more can happen by itself but timers.
inline void run_until_quiet(boost::asio::io_context& io) {
  io.restart();
  for (int idle = 0; idle < 20; ++idle)
    if (io.poll() != 0) idle = 0;
}

}  // namespace presenter::tests
