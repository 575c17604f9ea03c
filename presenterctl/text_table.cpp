#include "presenterctl/text_table.hpp"

#include <algorithm>
#include <utility>

namespace presenter::ctl {

text_table::text_table(std::vector<column> columns) : columns_(std::move(columns)) {
  std::vector<std::string> titles;
  for (const column& each : columns_)
    titles.push_back(each.title);
  rows_.push_back(std::move(titles));
}

void text_table::add(std::vector<std::string> cells) {
  rows_.push_back(std::move(cells));
}

std::string text_table::to_string() const {
  std::vector<std::size_t> widths(columns_.size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string blanks(widths[i] - row[i].size(), ' ');
      if (i != 0) line += "  ";
      line += columns_[i].to == align::right ? blanks + row[i] : row[i] + blanks;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

}  // namespace presenter::ctl
