#include "gateway/balance/route53/errc.hpp"

#include "base/error_table.hpp"

namespace presenter::gateway::route53 {
namespace {

constexpr error_row row_of(errc code) {
  switch (code) {
    case errc::xml_malformed:
      return {"xml_malformed", "the reply is cut, or no XML"};
    case errc::xml_unsupported:
      return {"xml_unsupported", "the reply has a document type or CDATA"};
    case errc::xml_too_deep:
      return {"xml_too_deep", "the reply's XML has too many levels"};
    case errc::xml_too_large:
      return {"xml_too_large", "the reply's XML has too many elements"};
    case errc::element_missing:
      return {"element_missing", "the reply lacks an element"};
    case errc::element_invalid:
      return {"element_invalid", "an element of the reply has a value that it cannot have"};
  }
  return unknown_error;
}

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const error_table<errc> table("presenter.route53", row_of);
  return table;
}

boost::system::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

}  // namespace presenter::gateway::route53
