#include "protocol/backend_sdk/stream_errc.hpp"

#include "base/error_table.hpp"

namespace presenter::protocol {
namespace {

// One line per enumerator; no default, so that the compiler finds a missing one.
constexpr error_row row_of(stream_errc code) {
  switch (code) {
    case stream_errc::moved:
      return {"moved", "another backend owns the stream's key"};
    case stream_errc::wrong_thread:
      return {"wrong_thread", "an acceptor's io_context is run by more than one thread"};
    case stream_errc::accept_pending:
      return {"accept_pending", "an async_accept of this acceptor waits already"};
  }
  return unknown_error;
}

}  // namespace

const boost::system::error_category& stream_error_category() noexcept {
  static const error_table<stream_errc> table("presenter.stream", row_of);
  return table;
}

boost::system::error_code make_error_code(stream_errc code) noexcept {
  return {static_cast<int>(code), stream_error_category()};
}

std::string_view name_of(stream_errc code) noexcept {
  return row_of(code).name;
}

}  // namespace presenter::protocol
