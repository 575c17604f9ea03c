#include "gateway/upgrade/process_state.hpp"

#include <openssl/crypto.h>

namespace presenter::gateway {

process_state::~process_state() {
  OPENSSL_cleanse(zookeeper_password.data(), zookeeper_password.size());
  OPENSSL_cleanse(own_ticket_keys.data(), own_ticket_keys.size());
  OPENSSL_cleanse(fleet_ticket_keys.data(), fleet_ticket_keys.size());
}

}  // namespace presenter::gateway
