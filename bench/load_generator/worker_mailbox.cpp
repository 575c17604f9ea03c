#include "bench/load_generator/worker_mailbox.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <memory>
#include <system_error>

namespace presenter::bench {

worker_mailboxes::worker_mailboxes(std::size_t count) {
  void* const memory = ::mmap(nullptr, count * sizeof(worker_mailbox), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  all_ = {static_cast<worker_mailbox*>(memory), count};
  std::uninitialized_value_construct(all_.begin(), all_.end());
}

worker_mailboxes::~worker_mailboxes() {
  ::munmap(all_.data(), all_.size_bytes());
}

}  // namespace presenter::bench
