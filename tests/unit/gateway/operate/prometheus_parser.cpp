#include "prometheus_parser.hpp"

#include <charconv>
#include <cmath>
#include <stdexcept>

namespace presenter::gateway {
namespace {

using label_map = std::map<std::string, std::string>;

// Reads one line from left to right.
class line_scanner {
 public:
  explicit line_scanner(std::string_view line) : line_(line), rest_(line) {}

  [[noreturn]] void fail(const std::string& why) const {
    throw std::runtime_error(why + ": " + std::string{line_});
  }

  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  void expect(std::string_view text) {
    if (!take(text)) fail("expected '" + std::string{text} + "'");
  }

  // [a-zA-Z_:][a-zA-Z0-9_:]*, the colon only in the names of metrics.
  std::string name(bool with_colon) {
    std::size_t size = 0;
    while (size < rest_.size() && is_name_byte(rest_[size], size == 0, with_colon))
      ++size;
    if (size == 0) fail("expected a name");
    return take_bytes(size);
  }

  // Up to a closing quote, which is taken, or without quotes up to the end of the line.
  std::string escaped(bool is_quoted) {
    std::string out;
    while (!rest_.empty() && !(is_quoted && rest_.front() == '"')) {
      if (!take("\\"))
        out += take_bytes(1);
      else if (take("n"))
        out += '\n';
      else if (rest_.starts_with('\\') || (is_quoted && rest_.starts_with('"')))
        out += take_bytes(1);
      else
        fail("unknown escape");
    }
    if (is_quoted) expect("\"");
    return out;
  }

  double number() {
    double value = 0;
    const auto* end = rest_.data() + rest_.size();
    const auto [rest, ec] = std::from_chars(rest_.data(), end, value);
    if (ec != std::errc{} || rest != end) fail("expected a number");
    return value;
  }

  label_map labels() {
    label_map out;
    do {
      const auto label = name(false);
      expect("=\"");
      if (!out.emplace(label, escaped(true)).second) fail("label given twice");
    } while (take(","));
    expect("}");
    return out;
  }

  std::string rest() { return take_bytes(rest_.size()); }

 private:
  static bool is_name_byte(char c, bool is_first, bool with_colon) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return is_letter || (with_colon && c == ':') || (!is_first && c >= '0' && c <= '9');
  }

  std::string take_bytes(std::size_t size) {
    std::string out{rest_.substr(0, size)};
    rest_.remove_prefix(size);
    return out;
  }

  std::string_view line_;
  std::string_view rest_;
};

class page_parser {
 public:
  void read(std::string_view text) {
    line_scanner line(text);
    if (line.take("# HELP "))
      start_family(line);
    else if (line.take("# TYPE "))
      set_type(line);
    else
      add_sample(line);
  }

  prometheus_page finish() {
    for (const auto& [name, family] : page_.families) {
      if (family.type == "histogram") {
        check_histogram(name);
      } else if (family.samples.empty()) {
        throw std::runtime_error("no samples: " + name);
      }
    }
    return page_;
  }

 private:
  void start_family(line_scanner& line) {
    name_ = line.name(true);
    line.expect(" ");
    const auto help = line.escaped(false);
    if (help.empty()) line.fail("empty help");
    if (!page_.families.emplace(name_, prometheus_family{help, "", {}}).second)
      line.fail("family given twice");
  }

  void set_type(line_scanner& line) {
    if (line.name(true) != name_) line.fail("TYPE of another family");
    line.expect(" ");
    auto& family = page_.families.at(name_);
    if (!family.type.empty() || !family.samples.empty()) line.fail("TYPE out of place");
    family.type = line.rest();
    if (family.type != "counter" && family.type != "gauge" && family.type != "histogram")
      line.fail("unknown type");
    if (name_.ends_with("_total") != (family.type == "counter"))
      line.fail("_total and type disagree");
  }

  void add_sample(line_scanner& line) {
    const auto sample = line.name(true);
    const auto type = page_.families.contains(name_) ? page_.families.at(name_).type : "";
    if (!is_of_family(sample, type)) line.fail("sample outside its family");
    if (type.empty()) line.fail("sample before TYPE");
    auto& family = page_.families[sample];
    family.type = type == "histogram" ? "counter" : type;  // each of its parts
    const auto labels = line.take("{") ? line.labels() : label_map{};
    line.expect(" ");
    const auto value = line.number();
    if (family.type == "counter" && value < 0) line.fail("negative counter");
    if (!family.samples.emplace(labels, value).second) line.fail("sample given twice");
  }

  bool is_of_family(const std::string& sample, const std::string& type) const {
    if (type != "histogram") return sample == name_;
    return sample == name_ + "_bucket" || sample == name_ + "_sum" || sample == name_ + "_count";
  }

  // Of each count the buckets grow up to it, with the last for everything.
  void check_histogram(const std::string& name) const {
    const auto& counts = page_.families.at(name + "_count").samples;
    const auto& buckets = page_.families.at(name + "_bucket").samples;
    std::size_t seen = 0;
    for (const auto& [labels, count] : counts) {
      std::map<double, double> by_bound;
      for (const auto& [all_labels, value] : buckets) {
        auto others = all_labels;
        const std::string le = others.at("le");
        others.erase("le");
        if (others == labels) by_bound[le == "+Inf" ? HUGE_VAL : std::stod(le)] = value;
      }
      double before = 0;
      for (const auto& [bound, value] : by_bound) {
        if (value < before) throw std::runtime_error("buckets shrink: " + name);
        before = value;
      }
      if (!by_bound.contains(HUGE_VAL) || before != count ||
          !page_.families.at(name + "_sum").samples.contains(labels))
        throw std::runtime_error("no whole histogram: " + name);
      seen += by_bound.size();
    }
    if (counts.empty() || seen != buckets.size())
      throw std::runtime_error("buckets without a count: " + name);
  }

  prometheus_page page_;
  std::string name_;
};

}  // namespace

double prometheus_page::value(const std::string& name,
                              const std::map<std::string, std::string>& labels) const {
  return families.at(name).samples.at(labels);
}

prometheus_page parse_prometheus(std::string_view text) {
  if (text.empty() || text.back() != '\n')
    throw std::runtime_error("does not end with a line feed");
  page_parser parser;
  while (!text.empty()) {
    const auto end = text.find('\n');
    parser.read(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return parser.finish();
}

}  // namespace presenter::gateway
