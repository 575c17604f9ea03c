// Latencies in the format that tools of HdrHistogram read (its log version 1.3, histograms encoded
// as V2, compressed): one line for each interval. Values are nanoseconds; the column of the maxima
// is in milliseconds.
#pragma once

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "bench/load_generator/latency_histogram.hpp"

namespace presenter::bench {

// A histogram as V2 bytes, before compression, and as the text of a log line.
std::vector<unsigned char> encode_hdr(const latency_histogram&);
std::string encode_hdr_line(const latency_histogram&);

// Errors: std::runtime_error when it cannot be written, from all functions.
class hdr_log {
 public:
  // `mode` goes into its comments.
  hdr_log(const std::string& path, std::string_view mode, std::chrono::system_clock::time_point);

  // `start` from the beginning of the log.
  void add(std::chrono::duration<double> start, std::chrono::duration<double> length,
           const latency_histogram&);

 private:
  void write(const std::string& text);

  std::string path_;
  std::ofstream file_;
};

}  // namespace presenter::bench
