// First packets as stock Thrift clients write them, in either encoding.
#pragma once

#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TCompactProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "protocol/wire/thrift_path.hpp"

namespace presenter::testing {

using apache::thrift::protocol::TBinaryProtocol;
using apache::thrift::protocol::TCompactProtocol;
using apache::thrift::protocol::TMessageType;
using apache::thrift::protocol::TProtocol;
using apache::thrift::transport::TMemoryBuffer;
using message_bytes = std::vector<std::byte>;

inline constexpr protocol::thrift_encoding both_encodings[] = {protocol::thrift_encoding::binary,
                                                               protocol::thrift_encoding::compact};

inline std::shared_ptr<TProtocol> make_protocol(protocol::thrift_encoding encoding,
                                                std::shared_ptr<TMemoryBuffer> buffer) {
  if (encoding == protocol::thrift_encoding::binary) {
    return std::make_shared<TBinaryProtocol>(std::move(buffer));
  }
  return std::make_shared<TCompactProtocol>(std::move(buffer));
}

// The bytes that `write` puts through a protocol of this encoding.
inline message_bytes written(protocol::thrift_encoding encoding,
                             const std::function<void(TProtocol&)>& write) {
  const auto buffer = std::make_shared<TMemoryBuffer>();
  write(*make_protocol(encoding, buffer));
  std::uint8_t* data = nullptr;
  std::uint32_t size = 0;
  buffer->getBuffer(&data, &size);
  const auto bytes = std::as_bytes(std::span(data, size));
  return {bytes.begin(), bytes.end()};
}

// A message whose argument struct `write_arguments` writes, stop field included.
inline message_bytes message(protocol::thrift_encoding encoding, const std::string& method,
                             TMessageType type, std::int32_t sequence,
                             const std::function<void(TProtocol&)>& write_arguments) {
  return written(encoding, [&](TProtocol& out) {
    out.writeMessageBegin(method, type, sequence);
    write_arguments(out);
    out.writeMessageEnd();
  });
}

// The routing key of a whole message, or the error of whichever step failed.
inline boost::system::result<std::string> key_of(std::span<const std::byte> bytes,
                                                 std::vector<std::int16_t> path) {
  const auto read = protocol::read_thrift_message(bytes);
  if (!read) return read.error();
  return protocol::find_routing_key(*read, path);
}

inline boost::system::error_code error_of(std::span<const std::byte> bytes,
                                          std::vector<std::int16_t> path) {
  const auto key = key_of(bytes, std::move(path));
  return key ? boost::system::error_code{} : key.error();
}

}  // namespace presenter::testing
