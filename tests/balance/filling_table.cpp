// Prints the table and writes the curves of gateway/balance/README.md: `balance_table FOLDER`. See:
// tests/balance/README.md.
#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <string>

#include "scenarios.hpp"

namespace presenter::tests {
namespace {

std::string text_of(std::optional<seconds> time) {
  if (!time) return "never";
  if (*time < 2 * hour) return fmt::format("{:.0f} min", static_cast<double>(time->count()) / 60);
  return fmt::format("{:.1f} h", static_cast<double>(time->count()) / 3'600);
}

std::string text_of_life(seconds life) {
  return life < hour ? fmt::format("{} min", life / minute) : fmt::format("{} h", life / hour);
}

void write_curve(const std::string& folder, const fleet_options& options, const filling& seen) {
  std::ofstream out(fmt::format("{}/{}_{}_{}_{}.dat", folder, options.gateways,
                                options.life.count(), options.ttl.count(),
                                options.has_shedding ? "shed" : "dns"));
  // The first hour of it is what is looked at closely.
  for (std::size_t i = 0; i < seen.each_minute.size(); i += i < 60 ? 1 : 5)
    out << i << ' ' << seen.each_minute[i] << '\n';
}

std::string text_of(const filling& seen) {
  return fmt::format("{} / {}", text_of(seen.half), text_of(seen.most));
}

filling run(fleet_options options, bool has_shedding, const std::string& folder) {
  options.has_shedding = has_shedding;
  filling seen = join(options);
  write_curve(folder, options, seen);
  std::cerr << fmt::format(
      "{} {} {} {}: highest {:.3f}, fall {:.3f}, others {:.3f} … {:.3f}, closed {}, {:.0f}/s\n",
      options.gateways, options.life.count(), options.ttl.count(), has_shedding, seen.highest,
      seen.deepest_fall, seen.others_lowest, seen.others_highest, seen.closed, seen.closed_peak);
  return seen;
}

void print_table(std::size_t gateways, const std::string& folder) {
  std::cout
      << "| clients stay, TTL | DNS alone: 50 % / 80 % | with shedding: 50 % / 80 % (closed) |\n"
      << "|---|---|---|\n";
  for (const seconds life : {10 * minute, hour, 4 * hour, 12 * hour}) {
    for (const seconds ttl : {seconds(30), seconds(60), seconds(300)}) {
      fleet_options options;
      options.gateways = gateways;
      options.life = life;
      options.ttl = ttl;
      const filling alone = run(options, false, folder);
      const filling shed = run(options, true, folder);
      std::cout << fmt::format("| {}, {} s | {} | {} ({:.0f},000) |\n", text_of_life(life),
                               ttl.count(), text_of(alone), text_of(shed),
                               static_cast<double>(shed.closed) / 1'000)
                << std::flush;
    }
  }
  std::cout << '\n';
}

}  // namespace
}  // namespace presenter::tests

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "balance_table FOLDER\n";
    return 2;
  }
  for (const std::size_t gateways : {10, 20})
    presenter::tests::print_table(gateways, arguments[1]);
  return 0;
}
