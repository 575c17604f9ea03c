// Lets callbacks outlive the object they call: those that come after its end do nothing.
#pragma once

#include <memory>
#include <utility>

namespace presenter {

// A member of the object, with which it ends.
// Confined to: the thread on which the object lives and its callbacks run; it is no lock.
class life_token {
 public:
  template <class Function>
  auto bind(Function function) const {
    return [alive = std::weak_ptr<const char>(token_),
            function = std::move(function)](auto&&... arguments) mutable {
      if (!alive.expired()) function(std::forward<decltype(arguments)>(arguments)...);
    };
  }

  // Callbacks bound before do nothing any more, although the object lives on.
  void renew() { token_ = std::make_shared<const char>(); }

 private:
  std::shared_ptr<const char> token_ = std::make_shared<const char>();
};

}  // namespace presenter
