#include "base/process/spawn.hpp"

#include <csignal>

namespace presenter {
namespace {

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts)
    all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

boost::system::result<pid_t> spawn(std::vector<std::string> arguments,
                                   std::vector<std::string> environment,
                                   posix_spawn_file_actions_t& actions) {
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const auto words = pointers_to(arguments);
  const auto variables = pointers_to(environment);
  pid_t child = -1;
  const int failure =
      ::posix_spawn(&child, words[0], &actions, &attributes, words.data(), variables.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (failure != 0) return boost::system::error_code(failure, boost::system::system_category());
  return child;
}

}  // namespace presenter
