// Names of suites and groups that OpenSSL must know: [tls] has them as OpenSSL spells them.
#pragma once

#include <string>
#include <vector>

#include "gateway/config/config.hpp"

namespace presenter::gateway {

struct tls_name_mistake {
  std::string key;  // of [tls]
  std::string text;
};

// A suite must encrypt and authenticate. A group must not be named twice, by whatever name: OpenSSL
// 3.0 takes no such list.
std::vector<tls_name_mistake> mistakes_in_tls_names(const tls_config& settings);

}  // namespace presenter::gateway
