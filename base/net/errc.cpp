#include "base/net/errc.hpp"

#include "base/error_table.hpp"

namespace presenter::net {
namespace {

// One line per enumerator; no default, so that the compiler finds a missing one.
constexpr error_row row_of(errc code) {
  switch (code) {
    case errc::name_invalid:
      return {"name_invalid", "not a name that can be looked up"};
    case errc::name_unknown:
      return {"name_unknown", "the name is unknown, or has no address"};
    case errc::name_servers_failed:
      return {"name_servers_failed", "the name servers fail, or cannot be reached"};
    case errc::lookup_timed_out:
      return {"lookup_timed_out", "the name servers did not answer in time"};
    case errc::lookup_under_way:
      return {"lookup_under_way", "the name servers have not answered yet"};
    case errc::no_address:
      return {"no_address", "there is no address to connect to"};
    case errc::url_invalid:
      return {"url_invalid", "not a URL like https://host:port/path"};
    case errc::tls_failed:
      return {"tls_failed", "TLS failed"};
    case errc::reply_cut_short:
      return {"reply_cut_short", "the connection ended before the reply was whole"};
    case errc::reply_invalid:
      return {"reply_invalid", "the reply is no HTTP"};
    case errc::reply_too_large:
      return {"reply_too_large", "the reply is too large"};
  }
  return unknown_error;
}

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const error_table<errc> table("presenter.net", row_of);
  return table;
}

boost::system::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

}  // namespace presenter::net
