#include "gateway/balance/route53/messages.hpp"

#include <fmt/format.h>

#include "base/parse_number.hpp"
#include "gateway/balance/route53/sigv4.hpp"
#include "gateway/balance/route53/xml_reader.hpp"
#include "gateway/balance/route53/xml_writer.hpp"

namespace presenter::gateway::route53 {
namespace {

using boost::system::error_code;

constexpr std::string_view name_space = "https://route53.amazonaws.com/doc/2013-04-01/";

// The document's outermost element, if it is the one that is wanted.
boost::system::result<xml_element> parse_as(std::string_view body, std::string_view wanted) {
  auto root = parse_xml(body);
  if (root && root->name != wanted) return errc::element_missing;
  return root;
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  const auto number = parse_number<Number>(text);
  return number && *number >= 0 ? number : std::nullopt;
}

boost::system::result<listed_set> listed_of(const xml_element& element) {
  listed_set set;
  set.name = element.text_of("Name");
  set.type = element.text_of("Type");
  if (set.name.empty() || set.type.empty()) return errc::element_missing;
  set.set_identifier = element.text_of("SetIdentifier");
  set.health_check = element.text_of("HealthCheckId");
  set.is_alias = element.child("AliasTarget") != nullptr;
  set.is_of_traffic_policy = element.child("TrafficPolicyInstanceId") != nullptr;
  if (const auto* weight = element.child("Weight")) {
    set.weight = number_of<int>(weight->text);
    if (!set.weight) return errc::element_invalid;
  }
  if (const auto* ttl = element.child("TTL")) {
    const auto seconds = number_of<std::int32_t>(ttl->text);  // RFC 2181 §8
    if (!seconds) return errc::element_invalid;
    set.ttl = std::chrono::seconds(*seconds);
  }
  if (const auto* records = element.child("ResourceRecords")) {
    for (const xml_element& each : records->children)
      set.values.emplace_back(each.text_of("Value"));
  }
  return set;
}

void write_set(xml_writer& out, std::string_view record_name, const record_set& set) {
  // In the order of the schema.
  out.open("ResourceRecordSet").leaf("Name", record_name).leaf("Type", name_of(set.type));
  out.leaf("SetIdentifier", set.set_identifier).leaf("Weight", std::to_string(set.weight));
  out.leaf("TTL", std::to_string(set.ttl.count())).open("ResourceRecords");
  for (const std::string& each : set.values)
    out.open("ResourceRecord").leaf("Value", each).close();
  out.close();
  if (!set.health_check.empty()) out.leaf("HealthCheckId", set.health_check);
  out.close();
}

}  // namespace

std::string zone_target(std::string_view zone_id) {
  constexpr std::string_view long_form = "/hostedzone/";
  if (zone_id.starts_with(long_form)) zone_id.remove_prefix(long_form.size());
  return "/2013-04-01/hostedzone/" + uri_encoded(zone_id);
}

std::string list_target(std::string_view zone_id, const list_cursor& from) {
  std::string target = zone_target(zone_id) + "/rrset?name=" + uri_encoded(from.name);
  if (!from.type.empty()) target += "&type=" + uri_encoded(from.type);
  if (!from.set_identifier.empty()) target += "&identifier=" + uri_encoded(from.set_identifier);
  return target;
}

std::string change_target(std::string_view zone_id) {
  return zone_target(zone_id) + "/rrset/";
}

std::string change_body(std::string_view record_name, std::span<const change> changes) {
  xml_writer out("ChangeResourceRecordSetsRequest", name_space);
  out.open("ChangeBatch").open("Changes");
  for (const change& each : changes) {
    out.open("Change");
    out.leaf("Action", each.action == change_action::upsert ? "UPSERT" : "DELETE");
    write_set(out, record_name, each.set);
    out.close();
  }
  return std::move(out).document();
}

boost::system::result<std::string> read_zone_name(std::string_view body) {
  const auto root = parse_as(body, "GetHostedZoneResponse");
  if (!root) return root.error();
  const auto* const zone = root->child("HostedZone");
  if (zone == nullptr || zone->text_of("Name").empty()) return errc::element_missing;
  return std::string(zone->text_of("Name"));
}

boost::system::result<list_page> read_list_page(std::string_view body) {
  const auto root = parse_as(body, "ListResourceRecordSetsResponse");
  if (!root) return root.error();
  const auto* const sets = root->child("ResourceRecordSets");
  if (sets == nullptr) return errc::element_missing;
  list_page page;
  for (const xml_element& each : sets->children) {
    auto set = listed_of(each);
    if (!set) return set.error();
    page.sets.push_back(std::move(*set));
  }
  if (root->text_of("IsTruncated") == "false") return page;
  if (root->text_of("IsTruncated") != "true") return errc::element_missing;
  page.next = {.name = std::string(root->text_of("NextRecordName")),
               .type = std::string(root->text_of("NextRecordType")),
               .set_identifier = std::string(root->text_of("NextRecordIdentifier"))};
  if (page.next->name.empty()) return errc::element_missing;
  return page;
}

error_code read_change_reply(std::string_view body) {
  const auto root = parse_as(body, "ChangeResourceRecordSetsResponse");
  if (!root) return root.error();
  const auto* const info = root->child("ChangeInfo");
  if (info == nullptr) return errc::element_missing;
  const auto status = info->text_of("Status");
  return status == "PENDING" || status == "INSYNC" ? error_code() : errc::element_invalid;
}

refusal read_refusal(std::string_view body) {
  const auto root = parse_xml(body);
  if (!root) return {};
  // The older form: what is wrong with a batch, a message for each change.
  if (root->name == "InvalidChangeBatch") {
    refusal read{.code = root->name, .message = {}};
    if (const auto* messages = root->child("Messages")) {
      for (const xml_element& each : messages->children)
        read.message += (read.message.empty() ? "" : "; ") + each.text;
    }
    return read;
  }
  const auto* const error = root->child("Error");
  if (root->name != "ErrorResponse" || error == nullptr) return {};
  return {.code = std::string(error->text_of("Code")),
          .message = std::string(error->text_of("Message"))};
}

}  // namespace presenter::gateway::route53
