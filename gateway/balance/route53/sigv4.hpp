// AWS Signature Version 4: the headers that say who sends a request, and that nobody has changed
// it. Pure: request, keys and time in, headers out. See:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/net/http_message.hpp"
#include "gateway/balance/route53/aws_keys.hpp"

namespace presenter::gateway::route53 {

// What a signature is valid for, besides its day.
struct signing_scope {
  std::string region = "us-east-1";
  std::string service = "route53";
};

// Whether "." , ".." and "//" are taken out of the path before it is signed, as all services but S3
// do with what they get.
enum class path_form { normalized, as_it_is };

using sys_seconds = std::chrono::sys_seconds;

// Adds X-Amz-Date, X-Amz-Security-Token if there is one, and Authorization. Every header that the
// request has by then is signed: Host must be among them, and nothing may be changed afterwards.
void sign(net::http_request& request, const aws_keys& keys, const signing_scope& scope,
          sys_seconds now, path_form form = path_form::normalized);

// The steps, for the published vectors.
std::string canonical_request(const net::http_request& request, path_form form);
std::string string_to_sign(std::string_view canonical, const signing_scope& scope, sys_seconds now);
std::string signature_of(std::string_view to_sign, const aws_keys& keys, const signing_scope& scope,
                         sys_seconds now);

// "20150830T123600Z"
std::string amz_date(sys_seconds time);
// Everything but letters, digits and "-._~" as %XX: for a part of a query.
std::string uri_encoded(std::string_view text);

}  // namespace presenter::gateway::route53
