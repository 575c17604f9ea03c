#include "presenterctl/top_screen.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <utility>

#include "presenterctl/plain_words.hpp"
#include "presenterctl/text_table.hpp"

namespace presenter::ctl {
namespace {

using nlohmann::json;
using align = text_table::align;

// "12.3"; "-" while it is not known.
std::string rate_of(const json& rates, const char* name) {
  if (rates.is_null()) return "-";
  return fmt::format("{:.1f}", rates.at(name).get<double>());
}

std::string bytes_a_second(const json& rates, const char* name) {
  return rates.is_null() ? "-" : bytes_of(rates.at(name).get<double>()) + "/s";
}

std::string handshakes_of(const json& rates, const char* kind) {
  return rates.is_null() ? "-"
                         : fmt::format("{:.1f}", rates.at("handshakes").at(kind).get<double>());
}

std::string processors_of(const json& rates) {
  return rates.is_null() ? "-" : fmt::format("{:.0f} %", 100 * rates.at("cpu").get<double>());
}

std::string turns_of(const json& rates) {
  if (rates.is_null() || rates.at("loop_turn_p99").is_null()) return "-";
  return short_time_of(rates.at("loop_turn_p99").get<double>());
}

std::string gateways_table(const std::vector<top_sample>& samples) {
  text_table table({{"GATEWAY"},
                    {"STATE"},
                    {"READY"},
                    {"UP FOR", align::right},
                    {"CLIENTS", align::right},
                    {"OF", align::right},
                    {"STREAMS", align::right},
                    {"LINKS", align::right},
                    {"BACKENDS", align::right},
                    {"CPU", align::right},
                    {"LOOP P99", align::right}});
  for (const auto& [page, rates] : samples) {
    table.add({page.at("gateway"), page.at("state"), page.at("ready").get<bool>() ? "yes" : "no",
               time_of(page.at("uptime_seconds"), ""), page.at("clients").dump(),
               page.at("clients_max").dump(), page.at("streams").dump(), page.at("links_up").dump(),
               page.at("backends").dump(), processors_of(rates), turns_of(rates)});
  }
  return table.to_string();
}

std::string rates_table(const std::vector<top_sample>& samples) {
  text_table table({{"PER SECOND"},
                    {"CAME", align::right},
                    {"LEFT", align::right},
                    {"FULL", align::right},
                    {"RESUMED", align::right},
                    {"FAILED", align::right},
                    {"TO BACKENDS", align::right},
                    {"TO CLIENTS", align::right},
                    {"FRAMES", align::right}});
  for (const auto& [page, rates] : samples) {
    table.add({page.at("gateway"), rate_of(rates, "accepted"), rate_of(rates, "closes"),
               handshakes_of(rates, "full"), handshakes_of(rates, "resumed"),
               handshakes_of(rates, "failed"), bytes_a_second(rates, "bytes_to_backend"),
               bytes_a_second(rates, "bytes_to_client"), rate_of(rates, "frames_received")});
  }
  return table.to_string();
}

std::string phases_line(const std::vector<top_sample>& samples) {
  std::string text;
  for (const auto& [page, rates] : samples) {
    text += page.at("gateway").get<std::string>() + ":";
    for (const auto& [phase, count] : page.at("phases").items()) {
      if (count.get<std::int64_t>() != 0) text += fmt::format("  {} {}", phase, count.dump());
    }
    text += "\n";
  }
  return text;
}

std::string backends_table(const std::vector<top_sample>& samples) {
  text_table table({{"BACKEND"}, {"STREAMS", align::right}, {"LINKS", align::right}, {"GATEWAY"}});
  for (const auto& [page, rates] : samples) {
    for (const json& each : page.at("busiest_backends")) {
      table.add(
          {each.at("name"), each.at("streams").dump(),
           fmt::format("{} of {}", each.at("links_up").dump(), each.at("links_wanted").dump()),
           page.at("gateway")});
    }
  }
  return table.to_string();
}

// Those who move most now come first, and then those who have moved most.
std::string clients_table(const std::vector<top_sample>& samples) {
  struct row {
    double rate;
    double bytes;
    const json* client;
  };
  std::vector<row> rows;
  for (const auto& [page, rates] : samples) {
    for (const json& each : page.at("busiest")) {
      const double rate =
          rates.is_null() ? 0 : rates.at("clients").value(each.at("tag").get<std::string>(), 0.0);
      rows.push_back(
          {rate,
           each.at("bytes_to_backend").get<double>() + each.at("bytes_to_client").get<double>(),
           &each});
    }
  }
  std::ranges::stable_sort(rows, [](const row& a, const row& b) {
    return std::pair(a.rate, a.bytes) > std::pair(b.rate, b.bytes);
  });
  text_table table({{"CLIENT"},
                    {"ADDRESS"},
                    {"BACKEND"},
                    {"NOW", align::right},
                    {"TO BACKEND", align::right},
                    {"TO CLIENT", align::right},
                    {"IDLE", align::right}});
  for (const auto& [rate, bytes, client] : rows) {
    const json& backend = client->at("backend");
    table.add({client->at("tag"), client->at("address"),
               backend.is_null() ? "-" : backend.get<std::string>(), bytes_of(rate) + "/s",
               bytes_of(client->at("bytes_to_backend")), bytes_of(client->at("bytes_to_client")),
               time_of(client->at("idle_seconds"), "")});
  }
  return table.to_string();
}

}  // namespace

std::string top_screen(const std::vector<top_sample>& samples, screen_size size) {
  std::istringstream whole(gateways_table(samples) + "\n" + rates_table(samples) + "\n" +
                           phases_line(samples) + "\n" + backends_table(samples) + "\n" +
                           clients_table(samples));
  std::string screen;
  std::size_t rows = 0;
  for (std::string line; std::getline(whole, line) && (size.rows == 0 || rows < size.rows);
       ++rows) {
    if (size.columns != 0 && line.size() > size.columns) line.resize(size.columns);
    std::ranges::replace_if(
        line, [](char c) { return c < ' ' || c > '~'; }, '?');
    screen += line + "\n";
  }
  return screen;
}

}  // namespace presenter::ctl
