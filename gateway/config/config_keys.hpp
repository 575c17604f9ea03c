// Every key of the configuration, as its reader takes it: the reader itself, run over values
// instead of a file, tells them. So what is said of a key cannot differ from what is done with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway/config/config.hpp"
#include "gateway/config/config_places.hpp"

namespace presenter::gateway {

enum class value_type : std::uint8_t {
  text,
  texts,
  boolean,
  integer,
  number,          // with or without a decimal point
  number_or_word,  // a number, or a word instead of one
  duration,
};

struct described_key {
  config_table table;
  std::string key;
  value_type type = value_type::text;
  std::string value;  // as the file has it, without quotes; empty: none
  std::string range;  // for people, "1 – 65535"; empty: the type says it all

  std::string name() const { return table.to_string() + '.' + key; }
};

// In the reader's order. Those of each [[tls.certificates]] that `values` has are there as well.
std::vector<described_key> describe(const config& values);

// "PRESENTER_LOG_LEVEL": overrides the key. Empty: it is in one of [[tables]], which cannot be
// overridden.
std::string variable_of(const described_key& of);

}  // namespace presenter::gateway
