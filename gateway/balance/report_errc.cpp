#include "gateway/balance/report_errc.hpp"

#include "base/error_table.hpp"

namespace presenter::gateway {
namespace {

constexpr error_row report_row_of(report_errc code) {
  switch (code) {
    case report_errc::too_large:
      return {"too_large", "is longer than a load report can be"};
    case report_errc::not_json:
      return {"not_json", "is not a JSON object"};
    case report_errc::name_invalid:
      return {"name_invalid", "its name cannot be a gateway's"};
    case report_errc::addresses_invalid:
      return {"addresses_invalid", "addresses must be a list of at most 16 addresses of hosts"};
    case report_errc::number_invalid:
      return {"number_invalid", "a number is missing or outside its range"};
    case report_errc::state_invalid:
      return {"state_invalid", "state must be up, draining, drained or unready"};
  }
  return unknown_error;
}

}  // namespace

const boost::system::error_category& report_error_category() noexcept {
  static const error_table<report_errc> table("presenter.report", report_row_of);
  return table;
}

boost::system::error_code make_error_code(report_errc code) noexcept {
  return {static_cast<int>(code), report_error_category()};
}

std::string_view name_of(report_errc code) noexcept {
  return report_row_of(code).name;
}

}  // namespace presenter::gateway
