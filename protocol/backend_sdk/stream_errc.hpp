// How operations of acceptors and streams end where a socket's have no word for it. Each enumerator
// says: cause · blame · what it closes.
#pragma once

#include <boost/system/error_code.hpp>
#include <string_view>

#include "base/export.hpp"

namespace presenter::protocol {

enum class stream_errc {
  moved = 1,       // another backend owns the key · nobody, it is planned · the stream
  wrong_thread,    // a second thread runs the acceptor's io_context · this program · nothing
  accept_pending,  // an async_accept beside one that waits · this program · the second call
};

PRESENTER_EXPORT const boost::system::error_category& stream_error_category() noexcept;
PRESENTER_EXPORT boost::system::error_code make_error_code(stream_errc) noexcept;

// The enumerator's own name: logs.
PRESENTER_EXPORT std::string_view name_of(stream_errc) noexcept;

}  // namespace presenter::protocol

template <>
struct boost::system::is_error_code_enum<presenter::protocol::stream_errc> : std::true_type {};
