#include "bench/load_generator/plot.hpp"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>

#include "plot_page_constants.h"

namespace presenter::bench {

namespace {

using json = nlohmann::json;

// What the page reads.
bool is_result(const json& result) {
  constexpr const char* numbers[] = {"clients", "delivered_per_second"};
  constexpr const char* lists[] = {"latency_curve", "series"};
  constexpr const char* objects[] = {"latency_us", "messages"};
  const auto all = [&](const auto& keys, auto is_right) {
    for (const char* const key : keys)
      if (!result.contains(key) || !is_right(result[key])) return false;
    return true;
  };
  return result.is_object() && result.contains("mode") &&
         all(numbers, [](const json& each) { return each.is_number(); }) &&
         all(lists, [](const json& each) { return each.is_array(); }) &&
         all(objects, [](const json& each) { return each.is_object(); });
}

// As the text of a script element: no end of the element can be in it.
std::string script_text(const json& data) {
  std::string text = data.dump(-1, ' ', true, json::error_handler_t::replace);
  for (std::size_t at = 0; (at = text.find('<', at)) != std::string::npos;)
    text.replace(at, 1, "\\u003c");
  return text;
}

}  // namespace

plotted_run read_plotted_run(const std::string& word) {
  const std::size_t equals = word.find('=');
  const std::filesystem::path path = equals == std::string::npos ? word : word.substr(equals + 1);
  plotted_run run{equals == std::string::npos ? path.stem().string() : word.substr(0, equals), {}};
  std::ifstream file(path);
  if (!file) throw std::invalid_argument("cannot read " + path.string());
  run.result = json::parse(file, nullptr, false);
  if (!is_result(run.result))
    throw std::invalid_argument("no result of presenter-load --json of a mode with clients: " +
                                path.string());
  return run;
}

std::string make_plot_page(const std::string& title, const std::vector<plotted_run>& runs) {
  json data = {{"title", title}, {"runs", json::array()}};
  for (const plotted_run& run : runs)
    data["runs"].push_back({{"name", run.name}, {"result", run.result}});
  std::string page = plot_page;
  constexpr std::string_view place = "{{data}}";
  return page.replace(page.find(place), place.size(), script_text(data));
}

}  // namespace presenter::bench
