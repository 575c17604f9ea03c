#include "protocol/errc.hpp"

#include "base/error_table.hpp"

namespace presenter::protocol {
namespace {

// One line per enumerator; no default, so that the compiler finds a missing one.
constexpr error_row row_of(errc code) {
  switch (code) {
    case errc::frame_empty:
      return {"frame_empty", "frame with a length of 0"};
    case errc::frame_oversize:
      return {"frame_oversize", "frame above the limit of its type"};
    case errc::frame_malformed:
      return {"frame_malformed", "frame is not a valid Thrift Frame"};
    case errc::frame_unknown:
      return {"frame_unknown", "frame type unknown to this version"};
    case errc::field_invalid:
      return {"field_invalid", "value of a field is out of range"};
    case errc::hello_expected:
      return {"hello_expected", "first frame is not Hello"};
    case errc::hello_repeated:
      return {"hello_repeated", "second Hello on a link"};
    case errc::hello_version:
      return {"hello_version", "no protocol version in common"};
    case errc::hello_role:
      return {"hello_role", "both ends of the link claim the same role"};
    case errc::wrong_direction:
      return {"wrong_direction", "frame not allowed from this end"};
    case errc::stream_not_increasing:
      return {"stream_not_increasing", "Open with an id not above all earlier ones"};
    case errc::stream_never_opened:
      return {"stream_never_opened", "frame for a stream that was never opened"};
    case errc::link_window_exceeded:
      return {"link_window_exceeded", "more payload than the link's window"};
    case errc::link_credit_overflow:
      return {"link_credit_overflow", "link window granted above its maximum"};
    case errc::link_credit_too_small:
      return {"link_credit_too_small", "link window granted in too small amounts"};
    case errc::control_queue_full:
      return {"control_queue_full", "peer causes answers faster than it reads them"};
    case errc::streams_exceeded:
      return {"streams_exceeded", "more streams than announced"};
    case errc::stream_errors_exceeded:
      return {"stream_errors_exceeded", "peer causes too many stream errors"};
    case errc::pong_unexpected:
      return {"pong_unexpected", "Pong that answers no Ping"};
    case errc::link_timeout:
      return {"link_timeout", "nothing received on the link for too long"};
    case errc::hello_timeout:
      return {"hello_timeout", "no Hello in time"};
    case errc::go_away:
      return {"go_away", "peer closed the link after GoAway"};
    case errc::link_stalled:
      return {"link_stalled", "no credit for the link for too long"};
    case errc::wrong_backend:
      return {"wrong_backend", "a backend of another name answers there"};
    case errc::packet_not_thrift:
      return {"packet_not_thrift", "first packet is not a Thrift message"};
    case errc::packet_malformed:
      return {"packet_malformed", "first packet is malformed Thrift"};
    case errc::packet_not_call:
      return {"packet_not_call", "first packet is not a CALL"};
    case errc::packet_method:
      return {"packet_method", "first packet calls another method"};
    case errc::packet_key_missing:
      return {"packet_key_missing", "no field at the key path"};
    case errc::packet_key_type:
      return {"packet_key_type", "field at the key path is not a string, binary or integer"};
    case errc::packet_key_size:
      return {"packet_key_size", "routing key is empty or too long"};
  }
  return unknown_error;
}

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const error_table<errc> table("presenter.protocol", row_of);
  return table;
}

boost::system::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

std::string_view name_of(errc code) noexcept {
  return row_of(code).name;
}

std::string_view name_of(reset_reason reason) noexcept {
  switch (reason) {
    case reset_reason::acknowledged:
      return "acknowledged";
    case reset_reason::cancelled:
      return "cancelled";
    case reset_reason::client_gone:
      return "client_gone";
    case reset_reason::stalled:
      return "stalled";
    case reset_reason::moved:
      return "moved";
    case reset_reason::shutting_down:
      return "shutting_down";
    case reset_reason::window_exceeded:
      return "window_exceeded";
    case reset_reason::credit_overflow:
      return "credit_overflow";
    case reset_reason::bad_state:
      return "bad_state";
    case reset_reason::data_empty:
      return "data_empty";
    case reset_reason::internal:
      return "internal";
    case reset_reason::credit_too_small:
      return "credit_too_small";
    case reset_reason::state_too_large:
      return "state_too_large";
    case reset_reason::position_mismatch:
      return "position_mismatch";
  }
  return "cancelled";  // a newer peer's number: README §8
}

}  // namespace presenter::protocol
