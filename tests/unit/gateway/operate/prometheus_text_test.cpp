#include "gateway/operate/prometheus_text.hpp"

#include <gmock/gmock.h>

#include <limits>
#include <stdexcept>

#include "prometheus_parser.hpp"

namespace presenter::gateway {
namespace {

TEST(PrometheusText, WritesHelpTypeAndSamples) {
  prometheus_text out;
  out.family("a_total", "Things.", metric_type::counter);
  out.sample({{"kind", "x"}, {"side", "y"}}, std::uint64_t{3});
  out.family("b", "Others.", metric_type::gauge);
  out.sample({}, std::int64_t{-4});
  EXPECT_EQ(std::move(out).take(),
            "# HELP a_total Things.\n# TYPE a_total counter\na_total{kind=\"x\",side=\"y\"} 3\n"
            "# HELP b Others.\n# TYPE b gauge\nb -4\n");
}

TEST(PrometheusText, EscapesWhatWouldEndALabelOrALine) {
  const std::string nasty = "a\\b\"c\nd{},=";
  prometheus_text out;
  out.family("b", "back\\slash \"and\"\nline feed", metric_type::gauge);
  out.sample({{"name", nasty}}, 0.5);
  const auto page = parse_prometheus(std::move(out).take());
  EXPECT_EQ(page.families.at("b").help, "back\\slash \"and\"\nline feed");
  EXPECT_EQ(page.value("b", {{"name", nasty}}), 0.5);
}

TEST(PrometheusText, KeepsTheWholeRangeOfACounter) {
  prometheus_text out;
  out.family("a_total", "Things.", metric_type::counter);
  out.sample({}, std::numeric_limits<std::uint64_t>::max());
  EXPECT_THAT(std::move(out).take(), testing::HasSubstr("a_total 18446744073709551615\n"));
}

TEST(PrometheusText, IsUtf8WhateverALabelHolds) {
  prometheus_text out;
  out.family("b", "Things.", metric_type::gauge);
  out.sample({{"name", "a\xff\xc3\xa4\xe2\x82"}}, 0.5);
  const auto page = parse_prometheus(std::move(out).take());
  EXPECT_EQ(page.value("b", {{"name", "a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd"}}), 0.5);
}

TEST(PrometheusText, WritesOpenMetrics) {
  prometheus_text out(exposition::open_metrics);
  out.family("a_bytes_total", "Bytes \"so\".", metric_type::counter);
  out.sample({{"kind", "x"}}, std::uint64_t{3});
  out.family("b_seconds", "Others.", metric_type::gauge);
  out.sample({}, 0.5);
  out.family("seconds", "No unit.", metric_type::gauge);
  out.sample({}, std::int64_t{-1});
  EXPECT_EQ(std::move(out).take(),
            "# HELP a_bytes Bytes \\\"so\\\".\n# TYPE a_bytes counter\n# UNIT a_bytes bytes\n"
            "a_bytes_total{kind=\"x\"} 3\n"
            "# HELP b_seconds Others.\n# TYPE b_seconds gauge\n# UNIT b_seconds seconds\n"
            "b_seconds 0.5\n# HELP seconds No unit.\n# TYPE seconds gauge\nseconds -1\n# EOF\n");
}

// The parser is what the other tests trust.
TEST(PrometheusParser, RejectsWhatTheFormatDoesNotAllow) {
  const std::string head = "# HELP a A.\n# TYPE a gauge\n";
  EXPECT_NO_THROW(parse_prometheus(head + "a{x=\"1\"} 1\n"));
  for (const auto& text :
       {std::string{}, head, head + "a 1", head + "b 1\n", head + "a 1\na 1\n", head + "a one\n",
        head + "a{x=\"1\" 1\n", head + "a{x=\"1\",} 1\n", head + "a{x=\"\\q\"} 1\n",
        head + "a{x=\"1\",x=\"2\"} 1\n", head + "a 1\n" + head + "a{x=\"1\"} 1\n", head + "a 1\n\n",
        head + "a 1\n# TYPE a gauge\n", std::string{"a 1\n"},
        std::string{"# HELP a A.\n# TYPE a counter\na 1\n"}})
    EXPECT_THROW(parse_prometheus(text), std::runtime_error) << text;
}

}  // namespace
}  // namespace presenter::gateway
