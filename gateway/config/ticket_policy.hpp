// How long session tickets and their keys last, as [tls] says it.
#pragma once

#include <algorithm>
#include <chrono>

namespace presenter::gateway {

struct ticket_policy {
  // RFC 8446 §4.6.1: no ticket lives longer than 7 days.
  static constexpr std::chrono::milliseconds lifetime_max = std::chrono::hours{168};
  // Of keys within the life of one: so many must fit side by side, and some more, for a rotation
  // may come late.
  static constexpr int rotations_max = 48;

  std::chrono::milliseconds rotation{std::chrono::hours{12}};  // a new key so often
  std::chrono::milliseconds lifetime = lifetime_max;           // a key opens for so long

  // From a key's being written until somebody seals with it: by then every gateway must know it,
  // its clock being as wrong as it is. A minute is far above what a watch takes, and what clocks
  // kept by NTP differ; test set-ups that rotate within seconds have less.
  std::chrono::milliseconds settle() const {
    return std::min<std::chrono::milliseconds>(rotation / 4, std::chrono::minutes{1});
  }

  // What a client is told: tickets of a key that is still sealing must not promise more than it
  // opens.
  std::chrono::seconds ticket_lifetime() const {
    return std::max(std::chrono::seconds{1},
                    std::chrono::floor<std::chrono::seconds>(lifetime - rotation));
  }
};

}  // namespace presenter::gateway
