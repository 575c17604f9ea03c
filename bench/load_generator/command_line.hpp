// The words after presenter-load, read and checked: one set of options for each mode, so that
// --help shows each mode's own defaults.
#pragma once

#include <CLI/CLI.hpp>
#include <deque>
#include <string>
#include <vector>

#include "bench/load_generator/load_options.hpp"
#include "bench/load_generator/storm.hpp"

namespace presenter::bench {

// What a mode's options are parsed into, before `complete` makes load_options of it.
struct load_command {
  std::vector<std::string> gateways;
  double seconds = 10;
  double total_rate = 0;
  double connect_timeout = 30;
  double answer_timeout = 15;
  double drain_timeout = 10;
  double first_pause = 0.1;
  double stay = 0;
  double interval = 0;  // 0: as short as an hour's series allows
  double ramp_step = 5;
  double ramp_p99_ms = 0;
  double ramp_factor = 1.25;
  bool is_ramp = false;
  bool is_insecure = false;
  bool shows_progress = true;
  std::string encoding = "binary";
  std::string arrivals = "even";
  std::string answers = "bytes";
  std::string first_answer;  // empty: as `answers` has it
  std::string message_bytes = "128";
  std::string activity = "1";
  std::string sources;
  std::string first_packet;
  std::string message;
  std::string keys_file;
  std::string json_file;
  std::string hdr_file;
  load_options options;

  // Errors: std::invalid_argument with a text for the user.
  void complete();

 private:
  void complete_gateways();
  void complete_packets();
  void complete_sizes();
  void complete_times();
};

struct storm_command {
  std::string gateway;
  double seconds = 5;
  std::string sources = "4";
  std::string json_file;
  storm_options options;

  // Errors: std::invalid_argument with a text for the user.
  void complete();
};

struct plot_command {
  std::vector<std::string> results;
  std::string page;
  std::string title = "presenter-load";
};

// Life: the parser's, which writes into it.
struct command_line {
  explicit command_line(CLI::App&);
  command_line(const command_line&) = delete;
  command_line& operator=(const command_line&) = delete;

  // One of them is what was asked for, the others are null.
  load_command* load = nullptr;
  storm_command* storm = nullptr;
  plot_command* plot = nullptr;

 private:
  load_command& add_mode(CLI::App&, const char* name, const char* text, load_command defaults);
  void add_storm(CLI::App&);
  void add_plot(CLI::App&);

  std::deque<load_command> modes_;
  storm_command storm_;
  plot_command plot_;
};

}  // namespace presenter::bench
