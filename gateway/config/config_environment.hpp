// What the environment has to say about the configuration: PRESENTER_<SECTION>_<KEY> overrides a
// key of the file, and "${NAME}" inside a string of the file stands for a variable.
#pragma once

#include <toml++/toml.h>
#include <boost/system/result.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/config.hpp"
#include "gateway/config/config_keys.hpp"
#include "gateway/config/config_reader.hpp"

namespace presenter::gateway {

// Puts what the environment overrides into the file's tables, and notes where it came from. An
// empty variable overrides nothing. One that looks like a key and is none is a warning: whoever set
// it thinks that it does something.
void override_from(const environment_map& environment, const std::vector<described_key>& keys,
                   toml::table& file, config_errors& errors);

struct expanded_text {
  std::string text;
  std::string missing;  // a variable that is not there; empty: all are
};

// "${NAME}" becomes the variable's value; "$${" is "${".
expanded_text expand_variables(std::string_view text, const environment_map& environment);

}  // namespace presenter::gateway
