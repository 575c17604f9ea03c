#include "tests/fuzz/mux_audit.hpp"

#include <algorithm>
#include <utility>

#include "tests/fuzz/check.hpp"

namespace presenter::fuzz {
namespace {

using namespace protocol;

// Every frame that can be read, up to the first that cannot.
template <class Visitor>
std::size_t for_each_frame(std::span<const std::byte> bytes, Visitor visit) {
  std::size_t taken = 0;
  while (true) {
    const auto slice = slice_frame(bytes.subspan(taken));
    if (!slice || slice->size == 0) return taken;
    if (is_data(slice->body)) {
      const auto data = decode_data(slice->body);
      if (!data) return taken;
      visit(*data);
    } else {
      const auto control = decode_control(slice->body);
      if (!control) return taken;
      std::visit(visit, *control);
    }
    taken += slice->size;
  }
}

}  // namespace

void mux_audit::received(std::span<const std::byte> shown) {
  for_each_frame(shown, [this](const auto& frame) { note(frame); });
}

void mux_audit::note(const hello_frame& hello) {
  if (std::exchange(hello_received_, true)) return;
  peer_stream_window_ = hello.stream_window_bytes;
  peer_link_window_ = hello.link_window_bytes;
  peer_features_ = hello.features;
  peer_deposit_ = static_cast<std::size_t>(hello.deposit_bytes_max);
}

// As generous as can be: also what the core has to ignore, and what it ends the link for.
void mux_audit::note(const credit_frame& credit) {
  std::int64_t& granted =
      credit.stream.value == 0 ? link_.granted : streams_[credit.stream.value].granted;
  granted += std::min(credit.bytes, limits::link_window_bytes_max);
}

void mux_audit::note(const data_frame& data) {
  const auto n = static_cast<std::int64_t>(data.payload.size());
  link_.received += n;
  streams_[data.stream.value].received += n;
}

void mux_audit::note(const handoff_frame& handoff) {
  streams_[handoff.stream.value].asked = true;
}

void mux_audit::sent(std::span<const std::byte> control, std::span<const std::byte> data) {
  for (const auto part : {control, data}) {
    const std::size_t read = for_each_frame(part, [this](const auto& frame) { judge(frame); });
    PRESENTER_FUZZ_CHECK(read == part.size());
  }
  // A Reset overtakes Data that was laid out before it, but only in the same output.
  for (auto& [id, account] : streams_)
    account.over = account.over || account.reset;
}

mux_audit::stream_account& mux_audit::live(stream_id stream) {
  PRESENTER_FUZZ_CHECK(hello_sent_ && hello_received_);
  stream_account& account = streams_[stream.value];
  PRESENTER_FUZZ_CHECK(!account.over);
  return account;
}

void mux_audit::judge(const hello_frame& hello) {
  PRESENTER_FUZZ_CHECK(!std::exchange(hello_sent_, true));
  PRESENTER_FUZZ_CHECK(hello == ours_);
}

void mux_audit::judge(const open_frame& open) {
  PRESENTER_FUZZ_CHECK(!is_backend() && hello_received_);
  PRESENTER_FUZZ_CHECK(open.stream.value > last_opened_);
  last_opened_ = open.stream.value;
  if (!open.continued) return;
  PRESENTER_FUZZ_CHECK(both_announced(features::handoff));
  streams_[open.stream.value].continued = true;
}

void mux_audit::judge(const accept_frame& accept) {
  PRESENTER_FUZZ_CHECK(is_backend());
  stream_account& account = live(accept.stream);
  PRESENTER_FUZZ_CHECK(!account.reset && !std::exchange(account.accepted, true));
}

void mux_audit::judge(const refuse_frame& refuse) {
  PRESENTER_FUZZ_CHECK(is_backend());
  stream_account& account = live(refuse.stream);
  PRESENTER_FUZZ_CHECK(!account.reset && !account.accepted);
  account.over = true;
}

void mux_audit::judge(const data_frame& data) {
  stream_account& account = live(data.stream);
  const auto n = static_cast<std::int64_t>(data.payload.size());
  PRESENTER_FUZZ_CHECK(n > 0 && !account.finished && !account.continued);
  PRESENTER_FUZZ_CHECK(is_backend() ? !account.giving : !account.asked);
  PRESENTER_FUZZ_CHECK(is_backend() ? account.accepted : data.stream.value <= last_opened_);
  account.sent += n;
  link_.sent += n;
  PRESENTER_FUZZ_CHECK(account.sent <= peer_stream_window_ + account.granted);
  PRESENTER_FUZZ_CHECK(link_.sent <= peer_link_window_ + link_.granted);
}

void mux_audit::judge(const finish_frame& finish) {
  stream_account& account = live(finish.stream);
  PRESENTER_FUZZ_CHECK(!std::exchange(account.finished, true) && !account.continued);
  PRESENTER_FUZZ_CHECK(is_backend() ? !account.giving : !account.asked);
}

void mux_audit::judge(const handoff_frame& handoff) {
  PRESENTER_FUZZ_CHECK(!is_backend() && both_announced(features::handoff));
  stream_account& account = live(handoff.stream);
  PRESENTER_FUZZ_CHECK(!std::exchange(account.asked, true) && !account.continued);
}

void mux_audit::judge(const checkpoint_frame& checkpoint) {
  PRESENTER_FUZZ_CHECK(both_announced(features::handoff));
  stream_account& account = live(checkpoint.stream);
  if (!is_backend()) {
    PRESENTER_FUZZ_CHECK(std::exchange(account.continued, false));
    PRESENTER_FUZZ_CHECK(!checkpoint.last && checkpoint.unread.empty());
    return;
  }
  PRESENTER_FUZZ_CHECK(account.accepted);
  if (!checkpoint.last && checkpoint.unread.empty()) {
    PRESENTER_FUZZ_CHECK(!account.giving && !account.finished);
    PRESENTER_FUZZ_CHECK(peer_deposit_ != 0 && checkpoint.state.size() <= peer_deposit_);
    return;
  }
  PRESENTER_FUZZ_CHECK(account.asked);
  account.giving = true;
  account.over = account.over || checkpoint.last;
}

void mux_audit::judge(const notice_frame& notice) {
  PRESENTER_FUZZ_CHECK(!is_backend() && both_announced(features::notice));
  const stream_account& account = live(notice.stream);
  PRESENTER_FUZZ_CHECK(!account.asked && !account.continued);
}

void mux_audit::judge(const reset_frame& reset) {
  PRESENTER_FUZZ_CHECK(!std::exchange(live(reset.stream).reset, true));
}

void mux_audit::judge(const credit_frame& credit) {
  const bool is_link = credit.stream.value == 0;
  PRESENTER_FUZZ_CHECK(credit.bytes >=
                       (is_link ? limits::link_credit_bytes_min : limits::stream_credit_bytes_min));
  stream_account& account = is_link ? link_ : live(credit.stream);
  account.returned += credit.bytes;
  PRESENTER_FUZZ_CHECK(!account.reset && account.returned <= account.received);
}

}  // namespace presenter::fuzz
