// XML as Route 53 sends it, and nothing more: elements and texts. Attributes are skipped; document
// types, and with them entities of somebody's own, are refused. Pure; hostile bytes end in an errc.
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/balance/route53/errc.hpp"

namespace presenter::gateway::route53 {

struct xml_element {
  std::string name;
  std::string text;  // its own, not that of its children
  std::vector<xml_element> children;

  // The first of that name; nullptr: there is none.
  const xml_element* child(std::string_view wanted) const;
  // The text of the first child of that name; empty: there is none.
  std::string_view text_of(std::string_view wanted) const;
};

// The deepest that we read, a value of a record in a list of sets, is at level 6.
inline constexpr std::size_t xml_depth_max = 12;
// A page of 300 sets has some 4,000; a set may have 400 values.
inline constexpr std::size_t xml_elements_max = 50'000;

// The outermost element. errc::xml_….
boost::system::result<xml_element> parse_xml(std::string_view document);

}  // namespace presenter::gateway::route53
