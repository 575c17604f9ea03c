// What one client's TLS may cost before the others of the same turn of the loop have theirs. Bytes
// of data do not tell: a record of one byte costs as much as one of a thousand, padding is
// decrypted like data, and a KeyUpdate brings nothing at all.
#pragma once

#include <algorithm>
#include <cstddef>

namespace presenter::gateway {

// Life: one for all clients of a worker, filled when one of them has its turn.
// Confined to: the worker's thread.
class turn_share {
 public:
  // Twice what a relay moves in a turn, so that only records of a peculiar kind use it up: some
  // 120 detached ones of a byte, 0.1 ms.
  static constexpr std::size_t bytes = 128 * 1'024;
  // What one takes beside its bytes. OpenSSL reads each in two pieces; its slowest, a KeyUpdate
  // that asks for an answer, costs 12 µs.
  static constexpr std::size_t record_cost = 1'024;
  static constexpr std::size_t openssl_piece_cost = 4'096;

  void refill() { left_ = bytes; }
  void spend(std::size_t cost) { left_ -= std::min(left_, cost); }
  bool is_used_up() const { return left_ == 0; }

 private:
  std::size_t left_ = bytes;
};

}  // namespace presenter::gateway
