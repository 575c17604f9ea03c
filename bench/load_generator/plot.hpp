// One page that shows several results of --json beside each other.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace presenter::bench {

struct plotted_run {
  std::string name;
  nlohmann::json result;
};

// "NAME=FILE" or a file, whose name without its ending is the run's.
// Errors: std::invalid_argument for what is no result of a run with messages.
plotted_run read_plotted_run(const std::string& word);

// HTML that needs nothing else.
std::string make_plot_page(const std::string& title, const std::vector<plotted_run>&);

}  // namespace presenter::bench
