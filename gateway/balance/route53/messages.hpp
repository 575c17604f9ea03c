// The calls of Route 53 that we make: their targets, the one body that we send, and their replies.
// Pure. See: https://docs.aws.amazon.com/Route53/latest/APIReference/, of version 2013-04-01.
#pragma once

#include <boost/system/result.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/balance/route53/change_batch.hpp"
#include "gateway/balance/route53/errc.hpp"

namespace presenter::gateway::route53 {

// Where a list goes on.
struct list_cursor {
  std::string name;       // as of escaped_name
  std::string type = {};  // empty: from the name's first
  std::string set_identifier = {};
};

struct list_page {
  std::vector<listed_set> sets;
  std::optional<list_cursor> next;  // nothing: it was the last one
};

// `zone_id` with or without "/hostedzone/" before it.
std::string zone_target(std::string_view zone_id);
std::string list_target(std::string_view zone_id, const list_cursor& from);
std::string change_target(std::string_view zone_id);

// `record_name` as of escaped_name.
std::string change_body(std::string_view record_name, std::span<const change> changes);

// The zone's name, as of escaped_name.
boost::system::result<std::string> read_zone_name(std::string_view body);
boost::system::result<list_page> read_list_page(std::string_view body);
// None: the change was taken; it is on its way to the name servers.
boost::system::error_code read_change_reply(std::string_view body);

// What the service says when it refuses. Empty where the reply is none of its own.
struct refusal {
  std::string code;
  std::string message;
};
refusal read_refusal(std::string_view body);

}  // namespace presenter::gateway::route53
