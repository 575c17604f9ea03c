#include "protocol/backend_sdk/operation_service.hpp"

namespace presenter::protocol {
namespace asio = boost::asio;

asio::execution_context::id operation_service::id;

operation_owner::operation_owner(asio::execution_context& context) {
  asio::use_service<operation_service>(context).add(*this);
}

void operation_service::shutdown() {
  while (!owners_.empty()) {
    operation_owner& owner = owners_.front();
    owners_.pop_front();
    owner.destroy_operations();
  }
}

}  // namespace presenter::protocol
