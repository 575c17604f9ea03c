#include "bench/load_generator/report.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace presenter::bench {

std::string_view name_of(load_kind kind) {
  switch (kind) {
    case load_kind::hold:
      return "hold";
    case load_kind::flood:
      return "flood";
    case load_kind::echo:
      return "echo";
    case load_kind::chat:
      return "chat";
    case load_kind::reconnect:
      return "reconnect";
    case load_kind::soak:
      return "soak";
  }
  return "";
}

namespace {

using json = nlohmann::json;

double microseconds(std::chrono::nanoseconds duration) {
  return static_cast<double>(duration.count()) / 1'000;
}

double per_second(std::uint64_t count, const load_result& result) {
  const double seconds = result.traffic_time.count();
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

json percentiles(const latency_histogram& histogram) {
  return {{"count", histogram.count()},
          {"p50", microseconds(histogram.percentile(50))},
          {"p90", microseconds(histogram.percentile(90))},
          {"p99", microseconds(histogram.percentile(99))},
          {"p99_9", microseconds(histogram.percentile(99.9))},
          {"max", microseconds(histogram.max())}};
}

// As HdrHistogram's own plots: five points for each halving of what is above.
json curve_of(const latency_histogram& histogram) {
  json points = json::array();
  constexpr int points_each_half = 5;
  double above = 100;
  while (histogram.count() != 0) {
    const double percent = 100 - above;
    points.push_back({percent, microseconds(histogram.percentile(percent))});
    if (above / 100 * static_cast<double>(histogram.count()) < 1) break;
    above /= std::pow(2, 1.0 / points_each_half);
  }
  return points;
}

json generator_of(const generator_load& load) {
  return {{"cores", load.cores},
          {"busiest_share", load.busiest_share},
          {"lag_p99_us", microseconds(load.lag_p99)},
          {"lag_max_us", microseconds(load.lag_max)}};
}

json series_of(const load_result& result) {
  json all = json::array();
  for (const interval_summary& each : result.series)
    all.push_back({{"start", each.start},
                   {"seconds", each.seconds},
                   {"sent", each.sent},
                   {"delivered", each.delivered},
                   {"disconnects", each.disconnects},
                   {"online", each.online},
                   {"p50_us", microseconds(each.p50)},
                   {"p99_us", microseconds(each.p99)},
                   {"max_us", microseconds(each.max)},
                   {"generator_busiest_share", each.generator.busiest_share},
                   {"generator_lag_max_us", microseconds(each.generator.lag_max)}});
  return all;
}

json ramp_of(const load_result& result) {
  if (result.ramp.empty()) return nullptr;
  json steps = json::array();
  for (const ramp_result& each : result.ramp)
    steps.push_back({{"rate", each.step.rate},
                     {"delivered", each.step.delivered},
                     {"p50_us", microseconds(each.step.p50)},
                     {"p99_us", microseconds(each.step.p99)},
                     {"verdict", text_of(each.verdict)}});
  return {{"steps", steps}, {"knee", result.knee}, {"is_knee_of_server", result.is_knee_of_server}};
}

json losses_of(const load_result& result) {
  json all = json::array();
  for (const loss_result& each : result.losses)
    all.push_back({{"lost", each.lost},
                   {"seconds", each.seconds.count()},
                   {"everyone_back", each.is_everyone_back},
                   {"back_us", percentiles(each.back)}});
  return all;
}

void add_percentiles(std::string& text, std::string_view what, const latency_histogram& histogram) {
  if (histogram.count() == 0) return;
  const auto milliseconds = [&](double percent) {
    return microseconds(histogram.percentile(percent)) / 1'000;
  };
  text += fmt::format(
      "  {:<22} p50 {:>9.3f}  p90 {:>9.3f}  p99 {:>9.3f}  p99.9 {:>9.3f}  max {:>9.3f} ms\n", what,
      milliseconds(50), milliseconds(90), milliseconds(99), milliseconds(99.9),
      microseconds(histogram.max()) / 1'000);
}

void add_line(std::string& text, std::string_view what, std::uint64_t count) {
  text += fmt::format("  {:<22} {:>9}\n", what, count);
}

void add_texts(std::string& text, std::string_view title, const count_by_text& counts) {
  if (counts.empty()) return;
  text += fmt::format("{}\n", title);
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
    text += fmt::format("  THE SUM IS {}, NOT {}\n", messages.accounted_for(), messages.sent);
  add_line(text, "acknowledged", messages.acknowledged);
  add_line(text, "delivered by history", seen.delivered_by_history);
  add_line(text, "duplicated", messages.duplicated);
  add_line(text, "reordered", messages.reordered);
  add_line(text, "corrupted", messages.corrupted);
  add_line(text, "unexpected", messages.unexpected);
  add_line(text, "skipped while offline", seen.skipped);
  if (seen.overdue != 0) add_line(text, "due and never sent", seen.overdue);
  text += fmt::format("  {:<22} {:>9.0f} sent, {:.0f} delivered\n", "per second",
                      per_second(messages.sent, result), per_second(messages.delivered, result));
  text += fmt::format("  {:<22} {:>9.2f} each way\n", "MB per second",
                      per_second(seen.bytes_sent, result) / 1e6);
}

void add_ramp(std::string& text, const load_result& result) {
  text += "ramp\n";
  for (const ramp_result& each : result.ramp)
    text += "  " + format_step(each) + "\n";
  text += fmt::format("  knee: {:.0f} messages a second{}\n", result.knee,
                      result.is_knee_of_server ? "" : " at least: the server was not the limit");
}

void add_losses(std::string& text, const load_result& result) {
  text += "losses\n";
  for (const loss_result& each : result.losses) {
    text += fmt::format("  {} clients lost their server: {} in {:.2f} s\n", each.lost,
                        each.is_everyone_back ? "all were back" : "NOT ALL WERE BACK",
                        each.seconds.count());
    add_percentiles(text, "  without a server", each.back);
  }
}

// Who reads the figures must know whose they are.
void add_generator(std::string& text, const load_result& result) {
  const generator_load& load = result.generator;
  text += fmt::format(
      "generator\n  {:.2f} cores, its busiest thread {:.0f} % of one; its timers late "
      "p99 {:.3f} ms, max {:.3f} ms\n",
      load.cores, load.busiest_share * 100, microseconds(load.lag_p99) / 1'000,
      microseconds(load.lag_max) / 1'000);
  if (result.was_generator_the_limit())
    text +=
        "  THE GENERATOR ITSELF WAS THE LIMIT: more --threads or --processes, or another "
        "machine\n";
}

}  // namespace

std::string format_report(const load_options& options, const load_result& result) {
  const load_statistics& seen = result.seen;
  std::string text = fmt::format(
      "presenter-load {}: {} clients, {} served in {:.1f} s, then {:.1f} s of load{}\n",
      name_of(options.kind), result.clients, seen.clients_served, result.connect_time.count(),
      result.traffic_time.count(), result.was_stopped_early ? " (stopped early)" : "");
  if (options.sends_messages()) add_messages(text, result);
  if (!result.ramp.empty()) add_ramp(text, result);
  if (!result.losses.empty()) add_losses(text, result);
  text += "times\n";
  add_percentiles(text, options.kind == load_kind::chat ? "sender to partner" : "there and back",
                  result.times.latency);
  add_percentiles(text, "TCP connect", result.times.connect);
  add_percentiles(text, "TLS handshake", result.times.handshake);
  add_percentiles(text, "first answer", result.times.first_reply);
  add_percentiles(text, "back after a loss", result.times.back);
  add_texts(text, "clients per chat server", seen.streams_per_server);
  add_texts(text, "clients moved", seen.moves);
  add_texts(text, "disconnects", seen.disconnects);
  if (!seen.disconnects.empty()) add_line(text, "came back", seen.reconnects);
  add_texts(text, "failed attempts", seen.failures);
  add_texts(text, "exceptions", seen.exceptions);
  if (seen.history_gaps != 0) add_line(text, "gaps in the history", seen.history_gaps);
  if (seen.left != 0) add_line(text, "left, to come again", seen.left);
  add_generator(text, result);
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
      {"message_bytes", options.message_bytes.mean()},
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
        {"overdue", seen.overdue},
        {"history_overlaps", seen.history_overlaps},
        {"history_gaps", seen.history_gaps}}},
      {"sent_per_second", per_second(messages.sent, result)},
      {"delivered_per_second", per_second(messages.delivered, result)},
      {"latency_us", percentiles(result.times.latency)},
      {"connect_us", percentiles(result.times.connect)},
      {"handshake_us", percentiles(result.times.handshake)},
      {"first_reply_us", percentiles(result.times.first_reply)},
      {"lost_by_server", seen.lost_by_server},
      {"streams_per_server", seen.streams_per_server},
      {"streams_first_server", seen.streams_first_server},
      {"moves", seen.moves},
      {"disconnects", disconnects},
      {"disconnects_by_reason", seen.disconnects},
      {"reconnects", seen.reconnects},
      {"failures", seen.failures},
      {"exceptions", seen.exceptions},
      {"left", seen.left},
      {"bytes_per_second", per_second(seen.bytes_sent, result)},
      {"back_us", percentiles(result.times.back)},
      {"latency_curve", curve_of(result.times.latency)},
      {"generator", generator_of(result.generator)},
      {"generator_was_the_limit", result.was_generator_the_limit()},
      {"series", series_of(result)},
      {"ramp", ramp_of(result)},
      {"losses", losses_of(result)},
  };
}

std::string format_step(const ramp_result& result) {
  return fmt::format("{:>9.0f}/s due  {:>9.0f}/s answered  p50 {:>8.3f}  p99 {:>8.3f} ms  {}",
                     result.step.rate, result.step.delivered, microseconds(result.step.p50) / 1'000,
                     microseconds(result.step.p99) / 1'000, text_of(result.verdict));
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
