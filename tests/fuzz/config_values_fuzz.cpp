// The configuration's values that have a grammar of their own: durations, endpoints, key paths,
// ZooKeeper's address. One byte chooses the reader, the rest is the text.
#include <sstream>
#include <string>

#include "gateway/config/config_checks.hpp"
#include "gateway/config/config_reader.hpp"
#include "protocol/wire/thrift_path.hpp"
#include "tests/fuzz/byte_script.hpp"
#include "tests/fuzz/check.hpp"

namespace presenter::fuzz {
namespace {

using namespace gateway;

void check_duration(std::string_view text) {
  const auto parsed = parse_duration(text);
  if (!parsed) return;
  PRESENTER_FUZZ_CHECK(parsed->count() >= 0);
  PRESENTER_FUZZ_CHECK(parse_duration(format_duration(*parsed)) == parsed);
}

void check_endpoint(std::string_view text) {
  const auto parsed = parse_endpoint(text);
  if (!parsed) return;
  std::ostringstream printed;
  printed << *parsed;
  PRESENTER_FUZZ_CHECK(parse_endpoint(printed.str()) == parsed);
}

void check_key_path(std::string_view text) {
  const auto parsed = protocol::parse_key_path(text);
  if (!parsed) {
    return PRESENTER_FUZZ_CHECK(parsed.error() == protocol::errc::field_invalid);
  }
  PRESENTER_FUZZ_CHECK(!parsed->empty() && parsed->size() <= 8);
  std::string printed;
  for (const std::int16_t id : *parsed) {
    PRESENTER_FUZZ_CHECK(id >= 1);
    printed += (printed.empty() ? "" : ".") + std::to_string(id);
  }
  PRESENTER_FUZZ_CHECK(printed.size() <= text.size());
  const auto again = protocol::parse_key_path(printed);
  PRESENTER_FUZZ_CHECK(again && *again == *parsed);
}

void check_suggestion(std::string_view word) {
  const auto closest = closest_of(word, {"address", "certificate", "timeout"});
  PRESENTER_FUZZ_CHECK(!closest || !closest->empty());
  PRESENTER_FUZZ_CHECK(closest_of("addres", {"address", "timeout"}) == "address");
}

}  // namespace
}  // namespace presenter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace presenter::fuzz;
  if (size > 512) return 0;
  byte_script script(data, size);
  const unsigned reader = script.byte();
  const auto text = as_text(script.all());
  switch (reader & 7U) {
    case 0:
      check_duration(text);
      break;
    case 1:
      check_endpoint(text);
      break;
    case 2:
      check_key_path(text);
      break;
    case 3:
      // Only that it reads any bytes.
      (void)presenter::gateway::check_zookeeper(text);
      break;
    default:
      check_suggestion(text);
      break;
  }
  return 0;
}
