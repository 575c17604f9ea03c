#include "base/net/errc.hpp"

#include <string>

namespace presenter::net {
namespace {

class net_category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "presenter.net"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::name_invalid:
        return "not a name that can be looked up";
      case errc::name_unknown:
        return "the name is unknown, or has no address";
      case errc::name_servers_failed:
        return "the name servers fail, or cannot be reached";
      case errc::lookup_timed_out:
        return "the name servers did not answer in time";
      case errc::lookup_under_way:
        return "the name servers have not answered yet";
      case errc::no_address:
        return "there is no address to connect to";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const net_category category;
  return category;
}

boost::system::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

}  // namespace presenter::net
