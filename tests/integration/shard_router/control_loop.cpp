#include "tests/integration/shard_router/control_loop.hpp"

namespace presenter::shard_router::tests {

presenter::tests::zookeeper_server& the_zookeeper() {
  static presenter::tests::zookeeper_server server;
  return server;
}

ControlLoop::ControlLoop() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  chroot_ = std::string("/presenter-") + test->test_suite_name() + "/" + test->name();
}

zk_session_options ControlLoop::options(std::chrono::milliseconds timeout) const {
  zk_session_options made;
  made.address = {the_zookeeper().address(), chroot_};
  made.session_timeout = timeout;
  return made;
}

backend_entry ControlLoop::backend(const std::string& name, std::uint16_t port) {
  backend_entry made;
  made.name = name;
  made.host = "127.0.0.1";
  made.port = port;
  return made;
}

std::string ControlLoop::names_in(const router& router) {
  if (router.current() == nullptr) return "none";
  std::string names;
  for (const backend_entry& each : router.current()->backends()) {
    names += (names.empty() ? "" : " ") + each.name;
  }
  return names;
}

}  // namespace presenter::shard_router::tests
