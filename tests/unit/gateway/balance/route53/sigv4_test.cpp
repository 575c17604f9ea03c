#include "gateway/balance/route53/sigv4.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace presenter::gateway::route53 {
namespace {

using namespace std::chrono_literals;

const aws_keys example_keys{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
const signing_scope example_scope{"us-east-1", "service"};
const sys_seconds example_time = std::chrono::sys_days(2015y / 8 / 30) + 12h + 36min;

// As a file of the suite has it: a header's value may go on in lines that begin with a space.
net::http_request parse(const std::string& text) {
  net::http_request request;
  std::istringstream in(text);
  std::string line;
  std::getline(in, line);
  const auto method_end = line.find(' ');
  request.method = line.substr(0, method_end);
  request.target = line.substr(method_end + 1, line.rfind(' ') - method_end - 1);
  while (std::getline(in, line) && !line.empty()) {
    if (line[0] == ' ') {
      request.headers.back().value += "\n" + line;
    } else {
      request.headers.push_back({line.substr(0, line.find(':')), line.substr(line.find(':') + 1)});
    }
  }
  std::getline(in, request.body, '\0');
  return request;
}

std::string authorization_of(const net::http_request& request) {
  for (const auto& [name, value] : request.headers) {
    if (name == "Authorization") return value;
  }
  return "none";
}

class Sigv4Vectors : public testing::TestWithParam<nlohmann::json> {};

nlohmann::json all_vectors() {
  std::ifstream file(SIGV4_VECTORS);
  return nlohmann::json::parse(file).at("cases");
}

TEST_P(Sigv4Vectors, AreSignedAsPublished) {
  const nlohmann::json& vector = GetParam();
  net::http_request request = parse(vector.at("request"));
  // Services that want the digest of the body in a header as well get it before the signature.
  if (vector.value("sign_body", false)) {
    request.headers.push_back({"X-Amz-Content-Sha256",
                               "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"});
  }
  aws_keys keys = example_keys;
  if (!vector.value("omit_session_token", false)) keys.token = vector.value("token", "");
  const path_form form =
      vector.value("normalize", true) ? path_form::normalized : path_form::as_it_is;

  net::http_request to_sign = request;
  sign(to_sign, keys, example_scope, example_time, form);

  net::http_request canonical = to_sign;
  canonical.headers.pop_back();  // Authorization
  const auto text = [&vector](const char* name) { return vector.at(name).get<std::string>(); };
  EXPECT_EQ(canonical_request(canonical, form), text("canonical_request"));
  EXPECT_EQ(string_to_sign(canonical_request(canonical, form), example_scope, example_time),
            text("string_to_sign"));
  const std::string signature = text("signature");
  EXPECT_TRUE(authorization_of(to_sign).ends_with("Signature=" + signature))
      << authorization_of(to_sign);
}

INSTANTIATE_TEST_SUITE_P(Published, Sigv4Vectors, testing::ValuesIn(all_vectors()),
                         [](const auto& info) {
                           std::string name = info.param.at("name");
                           std::erase(name, '-');
                           return name;
                         });

TEST(Sigv4, AllOfTheSuiteIsThere) {
  EXPECT_EQ(all_vectors().size(), 38u);
}

TEST(Sigv4, NamesKeyDayScopeAndSignedHeaders) {
  net::http_request request;
  request.headers = {{"Host", "example.amazonaws.com"}};
  sign(request, example_keys, example_scope, example_time);
  EXPECT_EQ(authorization_of(request),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

TEST(Sigv4, EncodesAllThatAQueryCouldBreakAt) {
  EXPECT_EQ(uri_encoded("a b/ü*.-_~"), "a%20b%2F%C3%BC%2A.-_~");
}

TEST(Sigv4, WritesTimesInUtc) {
  EXPECT_EQ(amz_date(example_time), "20150830T123600Z");
}

}  // namespace
}  // namespace presenter::gateway::route53
