#include "bench/load_generator/report.hpp"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

namespace presenter::bench {

namespace {

using json = nlohmann::json;

double microseconds(std::chrono::nanoseconds duration) {
  return static_cast<double>(duration.count()) / 1'000;
}

double per_second(std::uint64_t count, const load_result& result) {
  const double seconds = result.traffic_time.count();
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

std::string_view name_of(load_kind kind) {
  switch (kind) {
    case load_kind::chat:
      return "chat";
    case load_kind::echo:
      return "echo";
    case load_kind::idle:
      return "idle";
  }
  return "";
}

json percentiles(const latency_histogram& histogram) {
  return {{"count", histogram.count()},
          {"p50", microseconds(histogram.percentile(50))},
          {"p90", microseconds(histogram.percentile(90))},
          {"p99", microseconds(histogram.percentile(99))},
          {"p99_9", microseconds(histogram.percentile(99.9))},
          {"max", microseconds(histogram.max())}};
}

void add_percentiles(std::string& text, std::string_view what, const latency_histogram& histogram) {
  if (histogram.count() == 0) return;
  const auto milliseconds = [&](double percent) {
    return microseconds(histogram.percentile(percent)) / 1'000;
  };
  fmt::format_to(
      std::back_inserter(text),
      "  {:<22} p50 {:>9.3f}  p90 {:>9.3f}  p99 {:>9.3f}  p99.9 {:>9.3f}  max {:>9.3f} ms\n", what,
      milliseconds(50), milliseconds(90), milliseconds(99), milliseconds(99.9),
      microseconds(histogram.max()) / 1'000);
}

void add_line(std::string& text, std::string_view what, std::uint64_t count) {
  fmt::format_to(std::back_inserter(text), "  {:<22} {:>9}\n", what, count);
}

void add_texts(std::string& text, std::string_view title, const count_by_text& counts) {
  if (counts.empty()) return;
  fmt::format_to(std::back_inserter(text), "{}\n", title);
  for (const auto& [what, count] : counts)
    add_line(text, what, count);
}

void add_messages(std::string& text, const load_result& result) {
  const load_statistics& seen = result.seen;
  const delivery_counts& messages = seen.messages;
  text += "messages\n";
  add_line(text, "sent", messages.sent);
  add_line(text, "= delivered", messages.delivered);
  add_line(text, "+ interrupted", messages.interrupted);
  add_line(text, "+ lost with its server", messages.lost_with_server);
  for (const auto& [server, count] : seen.lost_by_server)
    add_line(text, "    " + server, count);
  add_line(text, "+ lost", messages.lost);
  if (!messages.adds_up())
    fmt::format_to(std::back_inserter(text), "  THE SUM IS {}, NOT {}\n", messages.accounted_for(),
                   messages.sent);
  add_line(text, "acknowledged", messages.acknowledged);
  add_line(text, "delivered by history", seen.delivered_by_history);
  add_line(text, "duplicated", messages.duplicated);
  add_line(text, "reordered", messages.reordered);
  add_line(text, "corrupted", messages.corrupted);
  add_line(text, "unexpected", messages.unexpected);
  add_line(text, "skipped while offline", seen.skipped);
  fmt::format_to(std::back_inserter(text), "  {:<22} {:>9.0f} sent, {:.0f} delivered\n",
                 "per second", per_second(messages.sent, result),
                 per_second(messages.delivered, result));
}

}  // namespace

std::string format_report(const load_options& options, const load_result& result) {
  const load_statistics& seen = result.seen;
  std::string text;
  fmt::format_to(std::back_inserter(text),
                 "presenter-load {}: {} clients, {} served in {:.1f} s, then {:.1f} s of load{}\n",
                 name_of(options.kind), result.clients, seen.clients_served,
                 result.connect_time.count(), result.traffic_time.count(),
                 result.was_stopped_early ? " (stopped early)" : "");
  if (options.kind != load_kind::idle) add_messages(text, result);
  text += "times\n";
  add_percentiles(text, options.kind == load_kind::chat ? "sender to partner" : "there and back",
                  seen.latency);
  add_percentiles(text, "TCP connect", seen.connect);
  add_percentiles(text, "TLS handshake", seen.handshake);
  add_percentiles(text, "first answer", seen.first_reply);
  add_texts(text, "clients per chat server", seen.streams_per_server);
  add_texts(text, "clients moved", seen.moves);
  add_texts(text, "disconnects", seen.disconnects);
  if (!seen.disconnects.empty()) add_line(text, "came back", seen.reconnects);
  add_texts(text, "failed attempts", seen.failures);
  add_texts(text, "exceptions", seen.exceptions);
  if (seen.history_gaps != 0) add_line(text, "gaps in the history", seen.history_gaps);
  text += result.is_success() ? "verdict: ok\n" : "verdict: FAILED\n";
  return text;
}

json make_json_report(const load_options& options, const load_result& result) {
  const load_statistics& seen = result.seen;
  const delivery_counts& messages = seen.messages;
  std::uint64_t disconnects = 0;
  for (const auto& [reason, count] : seen.disconnects)
    disconnects += count;
  return {
      {"mode", name_of(options.kind)},
      {"ok", result.is_success()},
      {"stopped_early", result.was_stopped_early},
      {"drained", result.has_drained},
      {"clients", result.clients},
      {"clients_served", seen.clients_served},
      {"connect_seconds", result.connect_time.count()},
      {"seconds", result.traffic_time.count()},
      {"message_bytes", options.message_bytes},
      {"messages",
       {{"sent", messages.sent},
        {"acknowledged", messages.acknowledged},
        {"delivered", messages.delivered},
        {"delivered_by_history", seen.delivered_by_history},
        {"lost", messages.lost},
        {"duplicated", messages.duplicated},
        {"reordered", messages.reordered},
        {"corrupted", messages.corrupted},
        {"unexpected", messages.unexpected},
        {"interrupted", messages.interrupted},
        {"lost_with_server", messages.lost_with_server},
        {"adds_up", messages.adds_up()},
        {"skipped", seen.skipped},
        {"history_overlaps", seen.history_overlaps},
        {"history_gaps", seen.history_gaps}}},
      {"sent_per_second", per_second(messages.sent, result)},
      {"delivered_per_second", per_second(messages.delivered, result)},
      {"latency_us", percentiles(seen.latency)},
      {"connect_us", percentiles(seen.connect)},
      {"handshake_us", percentiles(seen.handshake)},
      {"first_reply_us", percentiles(seen.first_reply)},
      {"lost_by_server", seen.lost_by_server},
      {"streams_per_server", seen.streams_per_server},
      {"streams_first_server", seen.streams_first_server},
      {"moves", seen.moves},
      {"disconnects", disconnects},
      {"disconnects_by_reason", seen.disconnects},
      {"reconnects", seen.reconnects},
      {"failures", seen.failures},
      {"exceptions", seen.exceptions},
  };
}

std::string format_progress(const load_progress& now, const load_progress& before) {
  const double seconds = (now.elapsed - before.elapsed).count();
  const auto rate = [&](std::uint64_t a, std::uint64_t b) {
    return seconds > 0 ? static_cast<double>(a - b) / seconds : 0;
  };
  return fmt::format(
      "{:>4.0f} s  {:<10}  online {}/{}  sent {} ({:.0f}/s)  delivered {} ({:.0f}/s)  disconnects "
      "{}",
      now.elapsed.count(), now.phase, now.online, now.clients, now.sent,
      rate(now.sent, before.sent), now.delivered, rate(now.delivered, before.delivered),
      now.disconnects);
}

}  // namespace presenter::bench
