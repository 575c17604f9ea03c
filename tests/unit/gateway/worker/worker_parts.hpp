// What the tests of a whole worker share.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>

namespace presenter::gateway {

// A first packet, framed: a CALL of authenticate whose routing key is this.
inline std::string packet_of(const std::string& key) {
  const auto size = [](std::size_t n) { return std::string(3, '\0') + static_cast<char>(n); };
  const std::string message = std::string("\x80\x01\x00\x01\x00\x00\x00\x0c", 8) + "authenticate" +
                              std::string("\x00\x00\x00\x07\x0c\x00\x01\x0b\x00\x01", 10) +
                              size(key.size()) + key + std::string("\x00\x00", 2);
  return size(message.size()) + message;
}

// Turns by the clock, not by sleeping: the worker's own thread is what is waited for.
inline ::testing::AssertionResult eventually(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!done()) {
    if (std::chrono::steady_clock::now() >= deadline)
      return ::testing::AssertionFailure() << "hung";
    std::this_thread::yield();
  }
  return ::testing::AssertionSuccess();
}

// The worker counts in its own thread, and perhaps only after a client has seen what it did: a
// stream that is handed over is counted in its turn, and the new backend's bytes need not wait.
template <class Counter>
::testing::AssertionResult comes_to(const Counter& counter, decltype(counter.value()) value) {
  if (eventually([&] { return counter.value() == value; })) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "is " << counter.value() << ", not " << value;
}

}  // namespace presenter::gateway
