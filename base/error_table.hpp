// What every enum of errors needs besides its table: the boost category that names and explains it.
//
//   constexpr error_row row_of(errc code) {  // no default: the compiler finds a missing row
//     switch (code) {
//       case errc::name_invalid:
//         return {"name_invalid", "not a name that can be looked up"};
//     }
//     return unknown_error;
//   }
//   const boost::system::error_category& error_category() noexcept {
//     static const error_table<errc> table("presenter.net", row_of);
//     return table;
//   }
#pragma once

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <string>
#include <string_view>

namespace presenter {

struct error_row {
  std::string_view name;     // the enumerator's own: metrics labels and logs
  std::string_view message;  // for people
};

// A number without an enumerator, as a newer peer may send it.
inline constexpr error_row unknown_error{"unknown", "unknown error"};

// `Row` has what error_row has, and may have more.
// Life: a static of the function that returns it, for error codes point to it.
template <class Errc, class Row = error_row>
class error_table final : public boost::system::error_category {
 public:
  error_table(const char* name, Row (*row_of)(Errc)) : name_(name), row_of_(row_of) {}

  const char* name() const noexcept override { return name_; }
  std::string message(int value) const override {
    return std::string(row_of_(static_cast<Errc>(value)).message);
  }

 private:
  const char* name_;
  Row (*row_of_)(Errc);
};

}  // namespace presenter
