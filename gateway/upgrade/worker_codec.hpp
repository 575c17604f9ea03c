// A worker's part of a state file: worker_state ↔ the Thrift struct Worker.
#pragma once

#include <string>
#include <string_view>

#include "gateway/worker/worker_state.hpp"

namespace presenter::gateway {

// Has secrets: to be wiped by the caller.
std::string encode_worker(const worker_state& state);

// Bytes of another process of this machine, perhaps of another version. Throws nothing; `mistake`
// says what is wrong, without quoting any of it. Descriptors are what they say: whoever goes on
// with the state finds out whether they are open.
struct decoded_worker {
  worker_state state;
  std::string mistake;  // empty: none
};
decoded_worker decode_worker(std::string_view bytes);

}  // namespace presenter::gateway
