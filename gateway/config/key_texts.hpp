// What the reader cannot say of a key: what it does, in words, and when a reload's new value holds.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace presenter::gateway {

enum class reload_effect : std::uint8_t {
  now,        // at once, or for clients that come from then on
  new_links,  // for links that are made from then on
  upgrade,    // for the process that takes this one's place
  restart,    // for a gateway that is started anew
};

struct key_text {
  std::string_view key;
  reload_effect effect = reload_effect::upgrade;
  // Markdown. "{}" is where the range stands; without it the range comes last.
  std::string_view text;
  // Instead of the default's value, where that does not say it: "required", "none". Empty: the
  // value does.
  std::string_view default_words = {};
};

// Of a key without its number, "tls.certificates.names". One that nobody wrote about has an empty
// text, and needs an upgrade; a test finds it.
key_text text_of_key(std::string_view key);

std::span<const key_text> all_key_texts();

}  // namespace presenter::gateway
