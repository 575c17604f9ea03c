// The reference of the configuration's keys, for `presenter --help-config` and for
// deploy/configuration.md, whose tables it writes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace presenter::gateway {

// All keys, a line each; or those of one section, "listen"; or all about one key, "listen.backlog".
// Nothing: there is no such key; `mistake` then says so, with the nearest.
std::optional<std::string> config_help(std::string_view about, std::string& mistake);

// The tables of deploy/configuration.md, each below the heading of its section.
std::string config_markdown();

}  // namespace presenter::gateway
