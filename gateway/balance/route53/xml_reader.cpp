#include "gateway/balance/route53/xml_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

namespace presenter::gateway::route53 {
namespace {

using boost::system::error_code;

bool is_blank(char each) {
  return each == ' ' || each == '\t' || each == '\r' || each == '\n';
}

bool is_of_name(char each) {
  return (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') ||
         (each >= '0' && each <= '9') || each == '_' || each == '-' || each == '.' || each == ':' ||
         static_cast<unsigned char>(each) >= 0x80;
}

void append_utf8(std::string& text, std::uint32_t code) {
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xc0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    text += static_cast<char>(0xe0 | code >> 12);
    tail(6), tail(0);
  } else {
    text += static_cast<char>(0xf0 | code >> 18);
    tail(12), tail(6), tail(0);
  }
}

// "#233", "#xe9"
std::optional<std::uint32_t> character_code(std::string_view reference) {
  reference.remove_prefix(1);
  const bool is_hex = reference.starts_with('x');
  if (is_hex) reference.remove_prefix(1);
  const char* const end = reference.data() + reference.size();
  std::uint32_t code = 0;
  const auto [at, failed] = std::from_chars(reference.data(), end, code, is_hex ? 16 : 10);
  const bool is_surrogate = code >= 0xd800 && code < 0xe000;
  if (failed != std::errc() || at != end || code == 0 || code > 0x10ffff || is_surrogate)
    return std::nullopt;
  return code;
}

// What stands between '&' and ';'.
bool append_reference(std::string& text, std::string_view reference) {
  constexpr std::array<std::pair<std::string_view, char>, 5> known{
      {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};
  for (const auto& [name, character] : known) {
    if (reference != name) continue;
    text += character;
    return true;
  }
  if (!reference.starts_with('#')) return false;
  const auto code = character_code(reference);
  if (code) append_utf8(text, *code);
  return code.has_value();
}

bool append_text(std::string& text, std::string_view raw) {
  while (!raw.empty()) {
    const auto plain = std::min(raw.find('&'), raw.size());
    text += raw.substr(0, plain);
    raw.remove_prefix(plain);
    if (raw.empty()) return true;
    const auto end = raw.find(';');
    if (end == std::string_view::npos || !append_reference(text, raw.substr(1, end - 1)))
      return false;
    raw.remove_prefix(end + 1);
  }
  return true;
}

// Life: of one document. Elements that are open are the last children of each other, so that none
// of them moves while it is open.
class parser {
 public:
  explicit parser(std::string_view document) : left_(document) {}

  boost::system::result<xml_element> parse() {
    while (!left_.empty()) {
      const error_code failed = left_.front() == '<' ? read_markup() : read_text();
      if (failed) return failed;
    }
    if (!open_.empty() || !has_root_) return errc::xml_malformed;
    return std::move(root_);
  }

 private:
  error_code read_markup() {
    if (left_.starts_with("<?")) return skip_past("?>");
    if (left_.starts_with("<!--")) return skip_past("-->");
    if (left_.starts_with("<!")) return errc::xml_unsupported;
    if (left_.starts_with("</")) return read_end();
    return read_begin();
  }

  error_code read_text() {
    const auto end = std::min(left_.find('<'), left_.size());
    const auto raw = left_.substr(0, end);
    left_.remove_prefix(end);
    if (!open_.empty())
      return append_text(open_.back()->text, raw) ? error_code() : errc::xml_malformed;
    const bool is_all_blank = std::all_of(raw.begin(), raw.end(), is_blank);
    return is_all_blank ? error_code() : errc::xml_malformed;
  }

  error_code skip_past(std::string_view end) {
    const auto at = left_.find(end);
    if (at == std::string_view::npos) return errc::xml_malformed;
    left_.remove_prefix(at + end.size());
    return {};
  }

  error_code read_end() {
    left_.remove_prefix(2);
    const auto name = take_name();
    skip_blanks();
    if (open_.empty() || name != open_.back()->name || !take('>')) return errc::xml_malformed;
    open_.pop_back();
    return {};
  }

  error_code read_begin() {
    left_.remove_prefix(1);
    const auto name = take_name();
    if (name.empty()) return errc::xml_malformed;
    if (open_.size() == xml_depth_max) return errc::xml_too_deep;
    if (++elements_ > xml_elements_max) return errc::xml_too_large;
    xml_element* const added = add();
    if (added == nullptr) return errc::xml_malformed;
    added->name = name;
    if (!skip_attributes()) return errc::xml_malformed;
    const bool is_empty = take('/');
    if (!take('>')) return errc::xml_malformed;
    if (!is_empty) open_.push_back(added);
    return {};
  }

  // nullptr: it would be a second outermost one.
  xml_element* add() {
    if (!open_.empty()) return &open_.back()->children.emplace_back();
    return std::exchange(has_root_, true) ? nullptr : &root_;
  }

  bool skip_attributes() {
    while (true) {
      skip_blanks();
      if (take_name().empty()) return true;
      skip_blanks();
      if (!take('=')) return false;
      skip_blanks();
      if (left_.empty() || (left_.front() != '"' && left_.front() != '\'')) return false;
      const auto end = left_.find(left_.front(), 1);
      if (end == std::string_view::npos) return false;
      left_.remove_prefix(end + 1);
    }
  }

  std::string_view take_name() {
    const auto end = std::find_if_not(left_.begin(), left_.end(), is_of_name);
    const auto name = left_.substr(0, static_cast<std::size_t>(end - left_.begin()));
    left_.remove_prefix(name.size());
    return name;
  }

  void skip_blanks() {
    while (!left_.empty() && is_blank(left_.front()))
      left_.remove_prefix(1);
  }

  bool take(char wanted) {
    if (!left_.starts_with(wanted)) return false;
    left_.remove_prefix(1);
    return true;
  }

  std::string_view left_;
  xml_element root_;
  bool has_root_ = false;
  std::size_t elements_ = 0;
  std::vector<xml_element*> open_;
};

}  // namespace

const xml_element* xml_element::child(std::string_view wanted) const {
  const auto found = std::find_if(children.begin(), children.end(),
                                  [&](const xml_element& each) { return each.name == wanted; });
  return found == children.end() ? nullptr : &*found;
}

std::string_view xml_element::text_of(std::string_view wanted) const {
  const xml_element* const found = child(wanted);
  return found == nullptr ? std::string_view() : found->text;
}

boost::system::result<xml_element> parse_xml(std::string_view document) {
  return parser(document).parse();
}

}  // namespace presenter::gateway::route53
