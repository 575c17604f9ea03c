// XML as Route 53 takes it: elements that are opened and closed in turn, and texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace presenter::gateway::route53 {

class xml_writer {
 public:
  // The outermost element, of this namespace.
  xml_writer(std::string name, std::string_view name_space)
      : text_("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<" + name + " xmlns=\"") {
    append(name_space);
    text_ += "\">";
    open_.push_back(std::move(name));
  }

  xml_writer& open(std::string name) {
    text_ += '<' + name + '>';
    open_.push_back(std::move(name));
    return *this;
  }

  xml_writer& close() {
    text_ += "</" + open_.back() + '>';
    open_.pop_back();
    return *this;
  }

  xml_writer& leaf(std::string name, std::string_view text) {
    open(std::move(name));
    append(text);
    return close();
  }

  // With everything closed that is open.
  std::string document() && {
    while (!open_.empty())
      close();
    return std::move(text_);
  }

 private:
  void append(std::string_view text) {
    for (const char each : text) {
      switch (each) {
        case '&':
          text_ += "&amp;";
          break;
        case '<':
          text_ += "&lt;";
          break;
        case '>':
          text_ += "&gt;";
          break;
        case '"':
          text_ += "&quot;";
          break;
        default:
          text_ += each;
      }
    }
  }

  std::string text_;
  std::vector<std::string> open_;
};

}  // namespace presenter::gateway::route53
