#include "gateway/control/launch.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <unordered_map>

#include "gateway/upgrade/process_codec.hpp"
#include "gateway/upgrade/spawn.hpp"
#include "gateway/upgrade/state_file.hpp"
#include "gateway/upgrade/worker_codec.hpp"

namespace presenter::gateway {
namespace {

namespace fs = std::filesystem;

constexpr const char* invitation_name = "PRESENTER_UPGRADE";

// As the shell found it.
std::string found_in_path(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path file = fs::absolute(folder.empty() ? "." : folder) / name;
    if (::access(file.c_str(), X_OK) == 0) return file.string();
  }
  std::error_code failed;
  return fs::read_symlink("/proc/self/exe", failed).string();
}

// What descriptors of the other process are called in this one.
class descriptor_numbers {
 public:
  void add(const upgrade_channel::handed_descriptor& handed) {
    if (here_.empty()) state_ = handed.here;
    here_.emplace(handed.there, handed.here);
  }
  int state() const { return state_; }
  void translate(int& number) const {
    const auto found = here_.find(number);
    if (found == here_.end()) throw std::runtime_error("a descriptor was not handed over");
    number = found->second;
  }

 private:
  int state_ = -1;  // the first one's
  std::unordered_map<int, int> here_;
};

descriptor_numbers receive_descriptors(const upgrade_channel& channel) {
  descriptor_numbers numbers;
  for (;;) {
    const auto said = channel.receive(true);
    if (said.is_over) throw std::runtime_error("the other process has gone");
    if (said.is_cut) throw std::runtime_error("there is no room for the descriptors (ulimit -n)");
    if (said.descriptors.empty()) return numbers;
    for (const auto& each : said.descriptors)
      numbers.add(each);
  }
}

void renumber(takeover& taken, const descriptor_numbers& numbers) {
  for (int* each : {&taken.process.admin_listener, &taken.process.admin_socket,
                    &taken.process.metrics_listener, &taken.process.parent_channel}) {
    if (*each >= 0) numbers.translate(*each);
  }
  for (worker_state& worker : taken.workers) {
    numbers.translate(worker.listener);
    for (client_state& client : worker.clients)
      numbers.translate(client.descriptor);
    for (upstream_link_state& each : worker.upstream)
      numbers.translate(each.link.descriptor);
  }
}

}  // namespace

launch launch_of(int argc, char** argv) {
  launch how;
  const std::string name = argc > 0 ? argv[0] : "";
  const bool is_path = name.find('/') != std::string::npos;
  how.program = is_path ? fs::absolute(name).string() : found_in_path(name);
  for (int i = 1; i < argc; ++i)
    how.arguments.emplace_back(argv[i]);
  return how;
}

std::optional<int> take_invitation() {
  const char* const text = std::getenv(invitation_name);
  if (text == nullptr) return std::nullopt;
  int channel = -1;
  const bool is_read = static_cast<bool>(std::istringstream(text) >> channel);
  ::unsetenv(invitation_name);
  if (!is_read) return std::nullopt;
  keep_descriptors_from_programs();
  return channel;
}

std::string invitation_of(int channel) {
  return fmt::format("{}={}", invitation_name, channel);
}

takeover await_takeover(upgrade_channel channel) {
  channel.send("ready");
  const descriptor_numbers numbers = receive_descriptors(channel);
  const state_view state(numbers.state());
  if (!state.mistake().empty()) throw std::runtime_error(state.mistake());
  if (state.parts().empty()) throw std::runtime_error("the state has no part of the process");
  takeover taken;
  taken.channel = std::move(channel);
  decoded_process process = decode_process(state.parts().front());
  if (!process.mistake.empty())
    throw std::runtime_error("the state of the process cannot be read: " + process.mistake);
  taken.process = std::move(process.state);
  // At once, for clients wait.
  std::vector<std::future<decoded_worker>> reading;
  for (std::size_t i = 1; i < state.parts().size(); ++i)
    reading.push_back(std::async(std::launch::async, decode_worker, state.parts()[i]));
  for (std::size_t i = 1; i < state.parts().size(); ++i) {
    decoded_worker worker = reading[i - 1].get();
    if (!worker.mistake.empty())
      throw std::runtime_error(
          fmt::format("the state of worker {} cannot be read: {}", i - 1, worker.mistake));
    taken.workers.push_back(std::move(worker.state));
  }
  renumber(taken, numbers);
  if (taken.workers.size() != taken.process.workers)
    throw std::runtime_error("the state lacks a worker");
  return taken;
}

}  // namespace presenter::gateway
