// What a fuzz target says when it has found something: the place, the claim, and an abort, which
// libFuzzer and the standalone main both take for a finding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

// NOLINTNEXTLINE: the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace presenter::fuzz {

[[noreturn]] inline void fail(const char* file, int line, const char* claim) {
  std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, claim);
  std::abort();
}

}  // namespace presenter::fuzz

// The claim must hold, in every kind of build.
#define PRESENTER_FUZZ_CHECK(claim) \
  ((claim) ? void() : ::presenter::fuzz::fail(__FILE__, __LINE__, #claim))
