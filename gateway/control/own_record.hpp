// This gateway's record in DNS as the drainer knows it, over the balancer.
#pragma once

#include <memory>
#include <string>

#include "gateway/balance/balancer.hpp"
#include "gateway/drain/record_keeper.hpp"

namespace presenter::gateway {

// Life: the server's. The balancer is there before the first call.
class own_record final : public record_keeper {
 public:
  explicit own_record(const std::unique_ptr<balancer>& of) : of_(of) {}

  void withdraw() override { of_->withdraw(); }
  void restore() override { of_->restore(); }
  void mark_drained() override { of_->mark_drained(); }
  bool is_withdrawn() const override { return of_->is_withdrawn(); }
  bool is_last() const override { return of_->is_last(); }
  std::string obstacle() const override { return of_->obstacle(); }

 private:
  const std::unique_ptr<balancer>& of_;
};

}  // namespace presenter::gateway
