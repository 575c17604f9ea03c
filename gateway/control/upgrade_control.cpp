#include "gateway/control/upgrade_control.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <new>
#include <span>
#include <utility>

#include "base/paced_log.hpp"
#include "gateway/config/config_checks.hpp"
#include "gateway/control/version.hpp"
#include "gateway/operate/service_manager.hpp"
#include "gateway/upgrade/empty_parent.hpp"
#include "gateway/upgrade/process_codec.hpp"
#include "gateway/upgrade/spawn.hpp"
#include "gateway/upgrade/worker_codec.hpp"

namespace presenter::gateway {
namespace {

using boost::beast::http::status;
using boost::system::error_code;

// A program that says yes or no to a configuration does so within a second; a busy disk may take
// longer.
constexpr std::chrono::seconds check_time{20};

// How often it is looked whether handshakes under way have ended.
constexpr std::chrono::milliseconds settle_interval{10};

// For room on the channel.
constexpr std::chrono::milliseconds retry_interval{1};

// Without a yes so many clients may be left behind, or one in a thousand.
constexpr std::size_t left_behind_most = 10;
constexpr std::size_t clients_for_each = 1'000;

// Workers go on by themselves so long after this thread would have told them: then it hangs.
constexpr std::chrono::milliseconds worker_patience{500};

// For the last bytes of those who are left behind, and of answers of [admin].
constexpr std::chrono::milliseconds farewell_time{50};

std::vector<std::string> environment_for(const upgrade_channel& channel) {
  auto all = own_environment();
  all.push_back(invitation_of(channel.descriptor()));
  return all;
}

double seconds_since(steady_point then) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

double milliseconds(steady_time::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

void add_descriptors(const worker_state& state, std::vector<int>& all) {
  all.push_back(state.listener);
  for (const client_state& client : state.clients)
    all.push_back(client.descriptor);
  for (const upstream_link_state& each : state.upstream)
    all.push_back(each.link.descriptor);
}

}  // namespace

upgrade_control::upgrade_control(boost::asio::io_context& control, const config& settings,
                                 const launch& how, const workers& workers, const std::string& name,
                                 upgrade_parts parts)
    : control_(control),
      settings_(settings),
      launch_(how),
      workers_(workers),
      name_(name),
      parts_(std::move(parts)),
      listening_(control),
      timer_(control),
      limit_timer_(control) {}

upgrade_control::~upgrade_control() = default;

void upgrade_control::note_done(const process_state& from) {
  last_ = {.number = from.upgrade,
           .program = launch_.program,
           .result = upgrade_result::done,
           .reason = {},
           .output = {},
           .clients = from.clients,
           .left_behind = from.left_behind,
           .silence = std::chrono::steady_clock::now() - from.frozen_at};
  ++counts_[static_cast<std::size_t>(upgrade_result::done)];
  log_paced(said_, spdlog::level::info,
            "upgrade: this is presenter {}, in the place of {}: {} clients go on, {} did not; they "
            "stood still for {:.0f} ms, all of it took {:.1f} s",
            version, from.version, from.clients, from.left_behind, last_.silence->count() * 1'000,
            seconds_since(from.begun_at));
}

// --- orders

void upgrade_control::answer(const json_reply& reply) const {
  reply({status::ok, to_json(name_, version, step_, last_)});
}

void upgrade_control::order(const admin_query& query, const json_reply& reply) {
  if (is_under_way()) return reply(error_answer(status::conflict, "an upgrade is under way"));
  const std::string refusal = begin({.program = query.value("program").value_or(""),
                                     .is_dry_run = query.value("dry_run") == "1",
                                     .is_confirmed = query.value("yes") == "1"});
  if (!refusal.empty()) return reply(error_answer(status::conflict, refusal));
  answer(reply);
}

void upgrade_control::take_signal() {
  if (is_under_way()) return;
  begin({});
}

// Empty: it is under way.
std::string upgrade_control::begin(wish wanted) {
  std::string why = parts_.obstacle();
  if (why.empty() && !wanted.program.empty() && !wanted.program.starts_with('/'))
    why = "the program must be named by its whole path";
  wish_ = std::move(wanted);
  if (wish_.program.empty()) wish_.program = launch_.program;
  last_ = {.number = last_.number + 1,
           .is_dry_run = wish_.is_dry_run,
           .program = wish_.program,
           .result = {},
           .reason = {},
           .output = {},
           .silence = {}};
  begun_at_ = std::chrono::steady_clock::now();
  if (!why.empty()) {
    finish(upgrade_result::refused, why);
    return why;
  }
  log_paced(said_, spdlog::level::info, "upgrade: to {}", wish_.program);
  check();
  return {};
}

// --- before anything is touched

void upgrade_control::check() {
  step_ = upgrade_step::check;
  std::vector<std::string> arguments{wish_.program};
  arguments.insert(arguments.end(), launch_.arguments.begin(), launch_.arguments.end());
  for (const std::string& each :
       {std::string("--check"), fmt::format("--takes-state={}", state_version),
        fmt::format("--as=gateway.name={}", settings_.gateway.name),
        fmt::format("--as=listen.address={}", format_endpoint(settings_.listen.address)),
        fmt::format("--as=workers.count={}", workers_.size())})
    arguments.push_back(each);
  check_.emplace(
      control_.get_executor(),
      child_order{.arguments = std::move(arguments),
                  .environment = own_environment(),
                  .input = {},
                  .timeout = check_time},
      [this](std::string_view line) {
        last_.output.emplace_back(line);
        log_paced(said_, spdlog::level::info, "upgrade: {}: {}", wish_.program, line);
      },
      [this](const child_end& end) { on_checked(end); });
}

void upgrade_control::on_checked(const child_end& end) {
  const std::string how = end.to_string();
  if (!end.is_good())
    return fail(upgrade_result::failed_check,
                fmt::format("{} does not take what there is: {}", wish_.program, how));
  survey();
}

// Who is served and cannot go along: OpenSSL has their records.
void upgrade_control::survey() {
  step_ = upgrade_step::survey;
  const auto left = std::make_shared<std::atomic<std::size_t>>(0);
  answers_awaited_ = workers_.size();
  const std::function<void()> on_counted = attempt_.bind([this, left] {
    if (--answers_awaited_ != 0) return;
    last_.left_behind = left->load();
    on_surveyed();
  });
  for (const auto& each : workers_) {
    each->post_survey(
        [left](const client_session& client) {
          if (client.is_served() && !client.can_go_along()) ++*left;
        },
        [this, on_counted] { boost::asio::post(control_, on_counted); });
  }
  limit(check_time);
}

void upgrade_control::on_surveyed() {
  for (const auto& each : workers_)
    last_.clients += static_cast<std::size_t>(each->metrics().clients_total());
  const std::size_t most = std::max(left_behind_most, last_.clients / clients_for_each);
  if (last_.left_behind > most && !wish_.is_confirmed)
    return fail(upgrade_result::refused,
                fmt::format("{} of {} clients cannot go along and would be closed, for OpenSSL has "
                            "their records: --yes if that is wanted",
                            last_.left_behind, last_.clients));
  if (wish_.is_dry_run) return finish(upgrade_result::done, {});
  start();
}

// While everybody is served: what a program needs to begin is no time in which clients wait.
void upgrade_control::start() {
  step_ = upgrade_step::start;
  auto ends = upgrade_channel::make();
  if (!ends) return fail(upgrade_result::failed_spawn, ends.error().message());
  channel_ = std::move(ends->first);
  const upgrade_channel other = std::move(ends->second);
  std::vector<std::string> arguments{wish_.program};
  arguments.insert(arguments.end(), launch_.arguments.begin(), launch_.arguments.end());
  const auto child = spawn({.arguments = std::move(arguments),
                            .environment = environment_for(other),
                            .inherited = {other.descriptor()}});
  if (!child)
    return fail(upgrade_result::failed_spawn,
                fmt::format("{}: {}", wish_.program, child.error().message()));
  child_ = *child;
  limit(settings_.upgrade.timeout);
  listen();
}

// --- nobody is on the way

// A stream between two backends cannot go along, and may need seconds: until then everybody is
// served, and who comes is let in.
void upgrade_control::settle() {
  limit_timer_.cancel();
  // It may have changed since the order.
  if (const std::string why = parts_.obstacle(); !why.empty())
    return fail(upgrade_result::refused, why);
  step_ = upgrade_step::settle;
  is_settling_ = true;
  for (const auto& each : workers_)
    each->post_rest_moves();
  const moves_config& moves = settings_.moves;
  wait_moves(std::chrono::steady_clock::now() + std::max(moves.handoff_deadline, moves.crash_wait));
}

void upgrade_control::wait_moves(steady_time until) {
  timer_.expires_after(settle_interval);
  timer_.async_wait(attempt_.bind([this, until](error_code failed) {
    if (failed) return;
    const bool is_late = std::chrono::steady_clock::now() >= until;
    if (is_late || clients_in({client_phase::handing_over}) == 0) return let_nobody_in();
    wait_moves(until);
  }));
}

void upgrade_control::let_nobody_in() {
  for (const auto& each : workers_)
    each->post_settle();
  wait_settled(std::chrono::steady_clock::now() + settings_.upgrade.settle);
}

void upgrade_control::wait_settled(steady_time until) {
  timer_.expires_after(settle_interval);
  timer_.async_wait(attempt_.bind([this, until](error_code failed) {
    if (failed) return;
    const bool is_late = std::chrono::steady_clock::now() >= until;
    const auto arriving =
        clients_in({client_phase::handshake, client_phase::opening, client_phase::handing_over});
    if (is_late || arriving == 0) return freeze();
    wait_settled(until);
  }));
}

std::int64_t upgrade_control::clients_in(std::initializer_list<client_phase> phases) const {
  std::int64_t count = 0;
  for (const auto& each : workers_) {
    for (const client_phase phase : phases)
      count += each->metrics().clients_open[phase].value();
  }
  return count;
}

// --- everything stands still

void upgrade_control::freeze() {
  step_ = upgrade_step::freeze;
  frozen_at_ = std::chrono::steady_clock::now();
  limit(settings_.upgrade.timeout);
  frozen_ = std::vector<part>(workers_.size());
  answers_awaited_ = workers_.size();
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    // On the worker's thread, so that all of them write their parts at the same time.
    using tell_frozen = std::function<void(std::optional<part>, const std::string&)>;
    const tell_frozen tell =
        attempt_.bind([this, i](std::optional<part> made, const std::string& why) {
          on_frozen(i, std::move(made), why);
        });
    workers_[i]->post_freeze(
        [this, tell](boost::system::result<worker_state> state) {
          std::optional<part> made;
          std::string why;
          if (state)
            made = part_of(std::move(*state));
          else
            why = state.error().message();
          boost::asio::post(control_, [tell, made = std::move(made), why]() mutable {
            tell(std::move(made), why);
          });
        },
        settings_.upgrade.timeout + worker_patience);
  }
}

// On a worker's thread: touches nothing of this object.
upgrade_control::part upgrade_control::part_of(worker_state state) {
  part made;
  made.clients = state.clients.size();
  made.left_behind = state.left_behind;
  add_descriptors(state, made.descriptors);
  made.bytes = encode_worker(state);
  return made;
}

void upgrade_control::on_frozen(std::size_t worker, std::optional<part> made,
                                const std::string& why) {
  if (!made) return fail(upgrade_result::failed_freeze, fmt::format("worker {}: {}", worker, why));
  frozen_[worker] = std::move(*made);
  if (--answers_awaited_ == 0) hand_over();
}

// --- the new process

void upgrade_control::hand_over() {
  if (const error_code failed = keep_state())
    return fail(upgrade_result::failed_freeze, "the state cannot be kept: " + failed.message());
  written_at_ = std::chrono::steady_clock::now();
  step_ = upgrade_step::adopt;
  send_descriptors();
}

// The other process takes them out while they are sent, so hardly any are under way.
void upgrade_control::send_descriptors() {
  while (descriptors_sent_ < descriptors_.size()) {
    const auto left = std::span(descriptors_).subspan(descriptors_sent_);
    const auto next = left.first(std::min(left.size(), upgrade_channel::descriptors_max));
    const error_code failed = channel_.send_descriptors(next);
    if (!failed) {
      descriptors_sent_ += next.size();
      continue;
    }
    if (failed != boost::system::errc::resource_unavailable_try_again &&
        failed.value() != ETOOMANYREFS)
      return fail(upgrade_result::failed_adopt,
                  fmt::format("{}: {}", wish_.program, failed.message()));
    timer_.expires_after(retry_interval);
    timer_.async_wait(attempt_.bind([this](error_code stopped) {
      if (!stopped) send_descriptors();
    }));
    return;
  }
  channel_.send("all");
  sent_at_ = std::chrono::steady_clock::now();
}

error_code upgrade_control::keep_state() {
  try {
    return make_state();
  } catch (const std::bad_alloc&) {
    return boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
  }
}

error_code upgrade_control::make_state() {
  last_.clients = last_.left_behind = 0;
  std::vector<std::string> parts(1);
  descriptors_.assign(1, -1);
  descriptors_sent_ = 0;
  for (part& each : frozen_) {
    last_.clients += each.clients;
    last_.left_behind += each.left_behind;
    descriptors_.insert(descriptors_.end(), each.descriptors.begin(), each.descriptors.end());
    parts.push_back(std::move(each.bytes));
  }
  frozen_.clear();
  process_state process = parts_.process();
  process.workers = workers_.size();
  process.upgrade = last_.number;
  process.begun_at = begun_at_;
  process.frozen_at = frozen_at_;
  process.clients = last_.clients;
  process.left_behind = last_.left_behind;
  for (const int listening :
       {process.admin_listener, process.admin_socket, process.metrics_listener}) {
    if (listening >= 0) descriptors_.push_back(listening);
  }
  if (parent_ != nullptr) {
    process.parent_channel = parent_->descriptor();
    descriptors_.push_back(parent_->descriptor());
  }
  parts.front() = encode_process(process);
  auto made = state_file::make(parts);
  for (std::string& each : parts)
    wipe_bytes(each);
  if (!made) return made.error();
  state_.emplace(std::move(*made));
  descriptors_.front() = state_->descriptor();
  return {};
}

void upgrade_control::listen() {
  if (!listening_.is_open()) listening_.assign(channel_.copy().release());
  listening_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        attempt_.bind([this](error_code failed) {
                          if (!failed) on_message();
                        }));
}

void upgrade_control::on_message() {
  const auto said = channel_.receive(false);
  if (said.is_over) {
    ::kill(-child_, SIGKILL);
    const std::string how = wait_for_end(std::exchange(child_, -1));
    return fail(failure_of_new(), fmt::format("{} has ended: {}", wish_.program, how));
  }
  if (said.message.empty()) return listen();
  if (said.message == "adopted" && step_ == upgrade_step::adopt) return commit();
  if (said.message != "ready" || step_ != upgrade_step::start)
    return fail(failure_of_new(), fmt::format("{}: {}", wish_.program, said.message));
  listen();
  settle();
}

upgrade_result upgrade_control::failure_of_new() const {
  return step_ == upgrade_step::start ? upgrade_result::failed_spawn : upgrade_result::failed_adopt;
}

// --- the one moment

void upgrade_control::commit() {
  const auto holds_still = [](const auto& each) { return each->hold_still(); };
  if (!std::ranges::all_of(workers_, holds_still))
    return fail(upgrade_result::failed_adopt,
                "this process has stood still for too long, and its workers have gone on");
  // Nothing may fail from here on, and nothing is taken back. Process 1 of a container takes all
  // others with it.
  const bool stays =
      parent_ == nullptr && (std::getenv("NOTIFY_SOCKET") == nullptr || ::getpid() == 1);
  if (!channel_.send(stays ? "yours parent" : "yours"))
    return fail(upgrade_result::failed_adopt, wish_.program + " has gone");
  step_ = upgrade_step::commit;
  limit_timer_.cancel();
  pass_signals_on(child_);
  if (parent_ != nullptr) parent_->send(fmt::format("main {}", child_));
  notify_service_manager(fmt::format("MAINPID={}", child_));
  for (const auto& each : workers_)
    each->let_go();
  state_->wipe();
  parts_.on_replaced();
  log_paced(said_, spdlog::level::info,
            "upgrade: process {} has taken this one's place: {:.0f} ms until all stood still and "
            "{} KiB were written, {:.0f} ms for {} descriptors, {:.0f} ms until it had adopted all",
            child_, milliseconds(written_at_ - frozen_at_), state_->size() / 1'024,
            milliseconds(sent_at_ - written_at_), descriptors_.size(),
            milliseconds(std::chrono::steady_clock::now() - sent_at_));
  timer_.expires_after(farewell_time);
  timer_.async_wait([this, stays](error_code) {
    if (stays) become_empty_parent(channel_, child_);
    // No destructor: what it would close is the other process's.
    std::_Exit(EXIT_SUCCESS);
  });
}

// --- as if nothing had been

void upgrade_control::give_up(const std::string& why) {
  if (is_under_way() && !is_replaced()) fail(upgrade_result::refused, why);
}

// The new process has touched nothing: it would have had to be told that it may.
void upgrade_control::fail(upgrade_result result, std::string why) {
  if (child_ > 0) {
    ::kill(-child_, SIGKILL);  // with all that it has started
    wait_for_end(std::exchange(child_, -1));
  }
  error_code ignored;
  listening_.close(ignored);
  channel_ = upgrade_channel();
  state_.reset();
  frozen_.clear();
  if (std::exchange(is_settling_, false)) {
    for (const auto& each : workers_)
      each->thaw();
  }
  if (frozen_at_ != steady_point()) last_.silence = std::chrono::steady_clock::now() - frozen_at_;
  finish(result, std::move(why));
}

void upgrade_control::finish(upgrade_result result, std::string why) {
  attempt_.renew();
  timer_.cancel();
  limit_timer_.cancel();
  check_.reset();
  step_ = upgrade_step::idle;
  frozen_at_ = {};
  last_.result = result;
  last_.reason = std::move(why);
  if (result == upgrade_result::done) return;  // of a dry run
  ++counts_[static_cast<std::size_t>(result)];
  const std::string stood = last_.silence ? fmt::format("; clients stood still for {:.0f} ms",
                                                        last_.silence->count() * 1'000)
                                          : "";
  log_paced(said_, spdlog::level::err, "upgrade: {}: {}; the gateway goes on as it was{}",
            name_of(result), last_.reason, stood);
}

// One limit for the start, and one from the freeze to the commit, for that is how long clients
// stand still.
void upgrade_control::limit(duration time) {
  limit_timer_.expires_after(time);
  limit_timer_.async_wait(attempt_.bind([this](error_code failed) {
    if (!failed) on_late();
  }));
}

void upgrade_control::on_late() {
  if (step_ == upgrade_step::survey)
    return fail(upgrade_result::failed_check, "a worker does not answer");
  if (step_ == upgrade_step::freeze)
    return fail(upgrade_result::failed_freeze, "a worker does not stand still");
  fail(failure_of_new(), fmt::format("{} has not answered within upgrade.timeout", wish_.program));
}

}  // namespace presenter::gateway
