// The same frames through the code that Thrift generates from mux.thrift: what ours is measured by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mux_types.h"
#include "protocol/wire/mux_frame.hpp"

namespace presenter::testing {

namespace idl = protocol::idl;
using frame_bytes = std::vector<std::byte>;

idl::Frame to_idl(const protocol::control_frame& frame);
idl::Frame data_to_idl(std::int64_t stream, bool more, const std::string& payload);

// A frame with its length field, as a stock Thrift sender writes it.
frame_bytes thrift_encode(const idl::Frame& frame);

// Throws apache::thrift exceptions for what Thrift does not read.
idl::Frame thrift_decode(std::span<const std::byte> framed);

frame_bytes our_encode(const protocol::control_frame& frame);
frame_bytes our_encode_data(std::int64_t stream, bool more, const std::string& payload);

// The body of the one frame that `framed` holds; a test failure if it does not hold exactly one.
std::span<const std::byte> body_of(std::span<const std::byte> framed);

std::string to_hex(std::span<const std::byte> bytes);
frame_bytes from_hex(const std::string& hex);

// One frame of each kind at least, with least, largest, empty and absent values.
std::vector<protocol::control_frame> sample_frames();

}  // namespace presenter::testing
