// Runs a fuzz target without libFuzzer: every file of the named folders, then mutations of them.
//   TARGET FOLDER|FILE… [--mutations N]      N at the most, and three seconds of them
// PRESENTER_SEED repeats the mutations of an earlier run.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/check.hpp"

namespace {

using input = std::vector<std::uint8_t>;

constexpr std::size_t input_bytes_max = 8'192;

input current;  // for the last words

// An abort is a finding: the input that caused it belongs into the report.
extern "C" void print_current(int) {
  std::fputs("input:", stderr);
  for (const std::uint8_t byte : current)
    std::fprintf(stderr, " %02x", byte);
  std::fputc('\n', stderr);
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

void run(const input& bytes) {
  current = bytes;
  // A copy of its exact size on the heap: one byte too far is seen by the address sanitizer.
  const input exact(bytes);
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

class mutator {
 public:
  explicit mutator(std::uint64_t seed) : random_(seed) {}

  input mutate(const std::vector<input>& seeds) {
    input bytes = seeds[below(seeds.size())];
    const std::size_t rounds = 1 + below(6);
    for (std::size_t i = 0; i != rounds; ++i)
      change(bytes, seeds[below(seeds.size())]);
    if (bytes.size() > input_bytes_max) bytes.resize(input_bytes_max);
    return bytes;
  }

 private:
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }
  static std::ptrdiff_t offset(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }

  std::uint8_t telling_byte() {
    constexpr std::uint8_t telling[] = {0, 1, 2, 0x7f, 0x80, 0x81, 0xfe, 0xff};
    return below(2) == 0 ? telling[below(std::size(telling))]
                         : static_cast<std::uint8_t>(below(256));
  }

  void change(input& bytes, const input& other) {
    const std::size_t at = below(bytes.size() + 1);
    const std::size_t length = std::min(1 + below(8), bytes.size() - at);
    const auto place = bytes.begin() + offset(at);
    switch (below(6)) {
      case 0:
        if (at < bytes.size()) *place ^= static_cast<std::uint8_t>(1U << below(8));
        break;
      case 1:
        if (at < bytes.size()) *place = telling_byte();
        break;
      case 2:
        bytes.insert(place, telling_byte());
        break;
      case 3:
        bytes.erase(place, place + offset(length));
        break;
      case 4: {
        const input piece(place, place + offset(length));
        bytes.insert(bytes.begin() + offset(below(bytes.size() + 1)), piece.begin(), piece.end());
        break;
      }
      default: {
        const std::size_t from = below(other.size() + 1);
        bytes.erase(place, bytes.end());
        bytes.insert(bytes.end(), other.begin() + offset(from), other.end());
        break;
      }
    }
  }

  std::mt19937_64 random_;
};

input read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

void add(const std::filesystem::path& path, std::vector<std::filesystem::path>& files) {
  if (!std::filesystem::is_directory(path)) return files.push_back(path);
  for (const auto& entry : std::filesystem::directory_iterator(path))
    files.push_back(entry.path());
}

std::uint64_t seed_of_run() {
  const char* given = std::getenv("PRESENTER_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<std::filesystem::path> files;
  std::size_t mutations = 0;
  for (int i = 1; i < count; ++i) {
    if (std::string_view(arguments[i]) == "--mutations" && i + 1 < count) {
      mutations = std::strtoull(arguments[++i], nullptr, 10);
    } else {
      add(arguments[i], files);
    }
  }
  if (files.empty()) {
    std::fputs("no seeds\n", stderr);
    return 2;
  }
  std::ranges::sort(files);
  std::signal(SIGABRT, print_current);

  std::vector<input> seeds;
  for (const auto& file : files) {
    seeds.push_back(read(file));
    run(seeds.back());
  }
  const std::uint64_t seed = seed_of_run();
  std::printf("%zu seeds passed; %zu mutations, PRESENTER_SEED=%llu\n", seeds.size(), mutations,
              static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  mutator random(seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  std::size_t done = 0;
  for (; done != mutations && std::chrono::steady_clock::now() < end; ++done)
    run(random.mutate(seeds));
  std::printf("%zu mutations passed\n", done);
  return 0;
}
