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

std::optional<invitation> take_invitation() {
  const char* const text = std::getenv(invitation_name);
  if (text == nullptr) return std::nullopt;
  invitation given;
  std::istringstream numbers(text);
  char comma = 0;
  const bool is_read = static_cast<bool>(numbers >> given.state >> comma >> given.channel);
  ::unsetenv(invitation_name);
  if (!is_read) return std::nullopt;
  keep_descriptors_from_programs();
  return given;
}

std::string invitation_of(const invitation& made) {
  return fmt::format("{}={},{}", invitation_name, made.state, made.channel);
}

takeover read_takeover(int descriptor, upgrade_channel channel) {
  const state_view state(descriptor);
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
  if (taken.workers.size() != taken.process.workers)
    throw std::runtime_error("the state lacks a worker");
  return taken;
}

}  // namespace presenter::gateway
