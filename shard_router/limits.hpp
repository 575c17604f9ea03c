// Every limit of the shard map, with the reason for its number. What a person or a program writes
// into ZooKeeper or a map file is held against them before it is used.
#pragma once

#include <cstddef>
#include <cstdint>

namespace presenter::shard_router::limits {

// Names become znodes, metric labels and log words: letters, digits, '.', '_' and '-' only.
inline constexpr std::size_t name_bytes_max = 255;

// Longest host name of DNS.
inline constexpr std::size_t host_bytes_max = 253;

// Names a process's life; a UUID has 36 bytes.
inline constexpr std::size_t instance_bytes_max = 64;

inline constexpr std::int64_t weight_default = 100;
inline constexpr std::int64_t weight_min = 1;
inline constexpr std::int64_t weight_max = 1'000;

// Points on the ring per unit of weight: 1,600 for the default weight, with which a share is off by
// 2.5 % as a rule and by 10 % at the most. DECISIONS.md.
inline constexpr std::size_t points_per_weight = 16;

// Far more backends than one fleet has.
inline constexpr std::size_t backends_max = 10'000;

// Of all backends of a map together: the most backends with the default weight. A ring of 16
// million points, 220 MB, made in two to three seconds; without this limit it could be ten times
// that.
inline constexpr std::int64_t weights_total_max = 1'000'000;

// A node's data: five short fields, and room for fields of later versions.
inline constexpr std::size_t node_bytes_max = 4'096;

// "user:password" and a line's end; no user and password are that long.
inline constexpr std::size_t identity_bytes_max = 1'024;

// The copy on disk: the largest map, at 1 KiB for each backend's longest name, host and instance.
inline constexpr std::size_t saved_map_bytes_max = backends_max * 1'024;

}  // namespace presenter::shard_router::limits
