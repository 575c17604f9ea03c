// The control thread's part of a state file: process_state ↔ the Thrift struct Process.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>

#include "gateway/upgrade/process_state.hpp"

namespace presenter::gateway {

// Has secrets: to be wiped by the caller.
std::string encode_process(const process_state& state);

// Bytes of another process of this machine, perhaps of another version. Throws nothing; `mistake`
// says what is wrong, without quoting any of it.
struct decoded_process {
  process_state state;
  std::string mistake;  // empty: none
};
decoded_process decode_process(std::string_view bytes);

}  // namespace presenter::gateway
