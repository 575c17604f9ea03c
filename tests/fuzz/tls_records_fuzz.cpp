// A byte script of what a client sends under keys the target knows: records sealed well, of any
// inner plaintext, and then spoilt if the script says so. The same bytes are opened whole, in
// pieces, and in exactly the portions that are asked for. Then our own records, which a second
// codec opens. The script says what fragments were agreed on. seeds.py has its words.
#include "gateway/tls/records/tls_records.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/fuzz/byte_script.hpp"
#include "tests/fuzz/check.hpp"
#include "tests/support/record_forge.hpp"

namespace presenter::fuzz {
namespace {

using namespace gateway;
using testing::byte_string;

constexpr std::size_t stream_bytes_max = 40'000;
constexpr std::size_t records_max = 80;

byte_string secret_of(tls_suite suite, int first) {
  byte_string secret(secret_bytes(suite));
  for (std::size_t i = 0; i != secret.size(); ++i)
    secret[i] = static_cast<std::byte>(first + static_cast<int>(i));
  return secret;
}

// What the client sends, and the data among it if all of it were accepted.
class client_stream {
 public:
  explicit client_stream(tls_suite suite)
      : is_12_(is_tls12(suite)), forge_(suite, secret_of(suite, 1)) {}

  bool is_full() const { return bytes_.size() > stream_bytes_max || records_ > records_max; }
  const byte_string& bytes() const { return bytes_; }
  const std::string& data() const { return data_; }

  void step(byte_script& script) {
    switch (script.byte() % 12) {
      case 0:
        return seal(testing::data, script.bytes(script.byte()), 0);
      case 1: {
        const auto type = static_cast<int>(script.byte());
        return seal(type, script.bytes(script.byte()), 0);
      }
      case 2: {
        const auto type = static_cast<int>(script.byte());
        const auto content = script.bytes(script.byte());
        return seal(type, content, script.byte() * 66U);
      }
      case 3:
        return seal_inner(script.bytes(script.byte()));
      case 4: {  // around the largest
        const auto type = static_cast<int>(script.byte());
        const byte_string content(16'384 + script.byte() - 128, std::byte{'x'});
        return seal(type, content, 0);
      }
      case 5:
        seal(testing::handshake, testing::key_update_message(static_cast<int>(script.byte())), 0);
        return forge_.advance();
      case 6:
        return seal(testing::handshake, script.bytes(script.byte() % 8), 0);
      case 7:
        return append(script.bytes(script.byte()));
      case 8: {  // spoils a byte of the last record, or its header
        const std::size_t at = last_ + script.byte();
        const auto with = static_cast<std::byte>(script.byte());
        if (at < bytes_.size()) bytes_[at] ^= with;
        return;
      }
      case 9: {
        const byte_string again(bytes_.begin() + static_cast<std::ptrdiff_t>(last_), bytes_.end());
        return append(again);
      }
      case 10:
        forge_.sequence += script.byte() - 128U;
        return;
      default: {
        const unsigned count = script.byte() % 40;
        const auto type = static_cast<int>(script.byte());
        const auto content = script.bytes(script.byte() % 4);
        for (unsigned i = 0; i != count; ++i)
          seal(type, content, 0);
      }
    }
  }

  void set_header(byte_script& script) {
    forge_.header = {static_cast<int>(script.byte()), static_cast<int>(script.byte()), 3};
  }

 private:
  void append(std::span<const std::byte> more) {
    last_ = bytes_.size();
    bytes_.insert(bytes_.end(), more.begin(), more.end());
    ++records_;
  }

  void seal(int type, std::span<const std::byte> content, std::size_t padding) {
    if (is_12_) {
      append(forge_.record(type, content));
      if (type == testing::data) data_ += as_text(content);
      return;
    }
    byte_string inner(content.begin(), content.end());
    inner.push_back(static_cast<std::byte>(type));
    inner.resize(inner.size() + padding);
    seal_inner(inner);
  }

  void seal_inner(std::span<const std::byte> inner) {
    if (is_12_) return seal(testing::data, inner, 0);
    append(forge_.seal(inner));
    while (!inner.empty() && inner.back() == std::byte{0})
      inner = inner.first(inner.size() - 1);
    if (!inner.empty() && inner.back() == std::byte{testing::data})
      data_ += as_text(inner.first(inner.size() - 1));
  }

  const bool is_12_;
  testing::record_forge forge_;
  byte_string bytes_;
  std::string data_;
  std::size_t last_ = 0;  // where the last record begins
  std::size_t records_ = 0;
};

struct outcome {
  std::vector<tls_event> events;
  std::string text;
  boost::system::error_code error;
  byte_string state;

  bool operator==(const outcome&) const = default;
};

// The gateway's end. The input of each call lies in a block of its exact size.
class opener {
 public:
  opener(tls_suite suite, std::uint8_t fragment, tls_record_crypto& crypto)
      : records_(tls_records::start(
                     {suite, secret_of(suite, 1), secret_of(suite, 101), 0, 0, fragment}, crypto)
                     .value()),
        crypto_(crypto) {}

  // As much as can be taken. The bytes wanted after that; 0 after an error.
  std::size_t feed(std::span<const std::byte> more) {
    input_.insert(input_.end(), more.begin(), more.end());
    for (;;) {
      const auto exact = std::make_unique<std::byte[]>(input_.size());
      const std::span<std::byte> input(exact.get(), input_.size());
      std::ranges::copy(input_, input.begin());
      const auto opened = records_.open(input, crypto_);
      if (!opened) {
        PRESENTER_FUZZ_CHECK(!seen_.error || seen_.error == opened.error());
        seen_.error = opened.error();
        return 0;
      }
      PRESENTER_FUZZ_CHECK(!seen_.error && opened->taken <= input.size());
      if (opened->event == tls_event::need_more) {
        PRESENTER_FUZZ_CHECK(opened->taken == 0 && opened->wanted != 0);
        return opened->wanted;
      }
      note(*opened, input);
      input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(opened->taken));
      if (input_.empty()) return tls_header_bytes;
    }
  }

  std::size_t pending() const { return input_.size(); }
  tls_records& records() { return records_; }

  outcome finish() {
    const tls_record_state state = records_.release();
    const auto bytes = std::as_bytes(std::span(&state, 1));
    seen_.state.assign(bytes.begin(), bytes.end());
    records_ = tls_records::adopt(state).value();
    return seen_;
  }

 private:
  void note(const tls_opened& opened, std::span<std::byte> input) {
    const bool is_data = opened.event == tls_event::plaintext;
    PRESENTER_FUZZ_CHECK(opened.taken != 0 && opened.wanted == 0);
    PRESENTER_FUZZ_CHECK(opened.plaintext.empty() != is_data);
    PRESENTER_FUZZ_CHECK(opened.plaintext.size() <= tls_limits::content_bytes_max);
    PRESENTER_FUZZ_CHECK(
        !is_data || (opened.plaintext.data() >= input.data() &&
                     opened.plaintext.size() + tls_header_bytes + tls_tag_bytes <= opened.taken));
    // Ignored bytes come in whatever portions.
    if (finished_) {
      PRESENTER_FUZZ_CHECK(opened.event == tls_event::nothing);
      return;
    }
    finished_ = opened.event == tls_event::close_notify;
    seen_.events.push_back(opened.event);
    seen_.text += as_text(opened.plaintext);
  }

  tls_records records_;
  tls_record_crypto& crypto_;
  byte_string input_;
  outcome seen_;
  bool finished_ = false;
};

void feed_in_portions(opener& end, std::span<const std::byte> bytes) {
  std::size_t wanted = tls_header_bytes;
  bool has_header = false;
  while (wanted != 0 && bytes.size() >= wanted) {
    const auto portion = bytes.first(wanted);
    bytes = bytes.subspan(wanted);
    wanted = end.feed(portion);
    // What was asked for was enough: for the header, then for the record.
    PRESENTER_FUZZ_CHECK(wanted == 0 || !has_header || end.pending() == 0);
    has_header = end.pending() != 0;
  }
}

// Our own records, as the script orders them: a codec in the client's place understands them all.
void check_sealing(byte_script& script, opener& end, tls_suite suite, std::uint8_t fragment,
                   tls_record_crypto& crypto) {
  tls_records reader =
      tls_records::start({suite, secret_of(suite, 101), secret_of(suite, 1), 0, 0, fragment},
                         crypto)
          .value();
  tls_records& writer = end.records();
  for (int i = 0; i != 8 && !script.is_over(); ++i) {
    const unsigned what = script.byte();
    const byte_string text(what * 200, std::byte{'y'});
    byte_string sent(writer.sealed_bytes(text.size()) + tls_records::alert_bytes_max +
                     tls_records::key_update_bytes);
    auto used = writer.seal(text, sent, crypto);
    PRESENTER_FUZZ_CHECK(used.has_value() != writer.is_write_closed());
    if (!used) return;
    PRESENTER_FUZZ_CHECK(*used + tls_records::alert_bytes_max + tls_records::key_update_bytes ==
                         sent.size());
    if (what % 3 == 1 && !is_tls12(suite))
      *used +=
          writer.seal_key_update(what % 2 == 0, std::span(sent).subspan(*used), crypto).value();
    if (what % 16 == 15)
      *used += writer.seal_alert(tls_alert::close_notify, std::span(sent).subspan(*used), crypto)
                   .value();
    std::size_t received = 0;
    for (auto rest = std::span(sent).first(*used); !rest.empty();) {
      const auto opened = reader.open(rest, crypto);
      PRESENTER_FUZZ_CHECK(opened && opened->taken != 0);
      received += opened->plaintext.size();
      rest = rest.subspan(opened->taken);
    }
    PRESENTER_FUZZ_CHECK(received == text.size());
    PRESENTER_FUZZ_CHECK(reader.is_read_closed() == writer.is_write_closed());
  }
}

void run(byte_script script) {
  static tls_record_crypto crypto;  // as in a worker: of many clients, one after the other
  const unsigned choice = script.byte();
  const auto suite = static_cast<tls_suite>((choice & 0x20 ? 0x1211 : 0x1301) + choice % 3);
  const auto fragment = static_cast<std::uint8_t>(choice & 0x40 ? 1 + (choice >> 3) % 4 : 0);
  const std::size_t steps = script.byte();
  std::size_t piece = 1 + script.byte();
  client_stream client(suite);
  if (choice & 0x80) client.set_header(script);
  for (std::size_t i = 0; i != steps && !script.is_over() && !client.is_full(); ++i)
    client.step(script);

  const std::span<const std::byte> bytes = client.bytes();
  opener whole(suite, fragment, crypto);
  whole.feed(bytes);
  const outcome expected = whole.finish();
  PRESENTER_FUZZ_CHECK(client.data().starts_with(expected.text));

  if (bytes.size() > 2'000) piece += 64;
  opener pieces(suite, fragment, crypto);
  for (auto rest = bytes; !rest.empty(); rest = rest.subspan(std::min(piece, rest.size())))
    pieces.feed(rest.first(std::min(piece, rest.size())));
  PRESENTER_FUZZ_CHECK(pieces.finish() == expected);

  opener portions(suite, fragment, crypto);
  feed_in_portions(portions, bytes);
  PRESENTER_FUZZ_CHECK(portions.finish() == expected);

  check_sealing(script, whole, suite, fragment, crypto);
}

}  // namespace
}  // namespace presenter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  presenter::fuzz::run({data, size});
  return 0;
}
