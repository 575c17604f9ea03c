// What Route 53, or whoever answers in its place, sends; and keys of files and endpoints. One byte
// chooses the reader, the rest is the text.
#include <string_view>

#include "gateway/balance/route53/credential_texts.hpp"
#include "gateway/balance/route53/messages.hpp"
#include "gateway/balance/route53/xml_reader.hpp"
#include "tests/fuzz/byte_script.hpp"
#include "tests/fuzz/check.hpp"

namespace presenter::fuzz {
namespace {

using namespace gateway::route53;

void check_depth(const xml_element& element, std::size_t levels_left) {
  PRESENTER_FUZZ_CHECK(levels_left > 0);
  PRESENTER_FUZZ_CHECK(!element.name.empty());
  for (const xml_element& each : element.children)
    check_depth(each, levels_left - 1);
}

// What is listed of ours is written, to be removed, as it was read.
void check_list(std::string_view text) {
  const auto page = read_list_page(text);
  if (!page || page->sets.empty()) return;
  const zone_view zone = view_of(page->sets, page->sets.front().name, "p");
  PRESENTER_FUZZ_CHECK(zone.ours.size() + zone.others[0] + zone.others[1] <= page->sets.size());
  const auto changes = changes_between(zone.ours, {});
  PRESENTER_FUZZ_CHECK(changes.size() == zone.ours.size());
  std::size_t batched = 0;
  for (const auto& batch : batches_of(changes))
    batched += batch.size();
  PRESENTER_FUZZ_CHECK(batched == changes.size());
  const auto body = parse_xml(change_body(page->sets.front().name, changes));
  PRESENTER_FUZZ_CHECK(body);
  const auto& written = body->child("ChangeBatch")->child("Changes")->children;
  PRESENTER_FUZZ_CHECK(written.size() == zone.ours.size());
  for (std::size_t i = 0; i < written.size(); ++i) {
    const auto* const set = written[i].child("ResourceRecordSet");
    PRESENTER_FUZZ_CHECK(set->text_of("SetIdentifier") == zone.ours[i].set_identifier);
    PRESENTER_FUZZ_CHECK(set->child("ResourceRecords")->children.size() ==
                         zone.ours[i].values.size());
  }
}

void check_keys(const found_keys& found) {
  PRESENTER_FUZZ_CHECK(found.keys.has_value() == found.mistake.empty());
  if (!found.keys) return;
  for (const std::string& each : {found.keys->id, found.keys->secret, found.keys->token})
    PRESENTER_FUZZ_CHECK(each.find_first_of("\r\n ") == std::string::npos);
}

}  // namespace
}  // namespace presenter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace presenter::fuzz;
  if (size > 8'192) return 0;
  byte_script script(data, size);
  const unsigned reader = script.byte();
  const auto text = as_text(script.all());
  switch (reader & 3U) {
    case 0:
      if (const auto root = parse_xml(text)) check_depth(*root, xml_depth_max);
      break;
    case 1:
      check_list(text);
      break;
    case 2:
      static_cast<void>(read_change_reply(text));
      static_cast<void>(read_zone_name(text));
      static_cast<void>(read_refusal(text));
      break;
    default:
      check_keys(read_shared_file(text, "p"));
      check_keys(read_endpoint_reply(text));
      break;
  }
  return 0;
}
