// What PowerDNS's API, or whoever answers in its place, sends. One byte chooses the reader, the
// rest is the text.
#include <algorithm>
#include <string_view>

#include "gateway/balance/powerdns/api_messages.hpp"
#include "gateway/config/dns_name.hpp"
#include "tests/fuzz/byte_script.hpp"
#include "tests/fuzz/check.hpp"

namespace presenter::fuzz {
namespace {

using namespace gateway::powerdns;

// What is read is the same after it was written and read again.
void check_weights(const address_weights& weights) {
  address_weights again;
  for (const std::string& content : lua_contents(weights)) {
    auto part = parse_lua_content(content);
    PRESENTER_FUZZ_CHECK(part);
    again.merge(*part);
  }
  PRESENTER_FUZZ_CHECK(again == weights);
}

void check_failure(const std::string& text) {
  PRESENTER_FUZZ_CHECK(text.size() <= 200);
  PRESENTER_FUZZ_CHECK(
      std::ranges::all_of(text, [](char each) { return each >= ' ' && each <= '~'; }));
}

void check_name(std::string_view text) {
  const auto name = gateway::absolute_name(text);
  if (!name) return;
  PRESENTER_FUZZ_CHECK(name->size() <= 254 && name->ends_with('.'));
  PRESENTER_FUZZ_CHECK(gateway::absolute_name(*name) == name);
}

}  // namespace
}  // namespace presenter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace presenter::fuzz;
  if (size > 8'192) return 0;
  byte_script script(data, size);
  const unsigned reader = script.byte();
  const auto text = as_text(script.all());
  switch (reader % 6) {
    case 0:
      if (const auto found = read_named_sets(text, "chat.example.")) check_weights(found->weights);
      break;
    case 1:
      static_cast<void>(read_are_lua_records_on(text));
      break;
    case 2:
      static_cast<void>(read_are_lua_records_on_in_zone(text));
      break;
    case 3:
      check_failure(read_failure(text));
      break;
    case 4:
      if (const auto weights = parse_lua_content(text)) check_weights(*weights);
      break;
    default:
      check_name(text);
      break;
  }
  return 0;
}
