// Columns for a person to read: as wide as their widest cell, numbers to the right.
#pragma once

#include <string>
#include <vector>

namespace presenter::ctl {

class text_table {
 public:
  enum class align { left, right };
  struct column {
    std::string title;
    align to = align::left;
  };

  explicit text_table(std::vector<column> columns);

  // As many cells as columns.
  void add(std::vector<std::string> cells);

  // Each line ends with a newline and without blanks.
  std::string to_string() const;

 private:
  std::vector<column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace presenter::ctl
