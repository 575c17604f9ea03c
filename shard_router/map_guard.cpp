#include "shard_router/map_guard.hpp"

#include <utility>

namespace presenter::shard_router {

map_guard::verdict map_guard::offer(const shard_map* in_force, const shard_map_ptr& read,
                                    clock::time_point now) {
  std::vector<std::string> missing;
  std::size_t before = 0;
  if (in_force != nullptr) {
    before = in_force->servers().size();
    for (const server& each : in_force->servers()) {
      if (read->find(each.name) == nullptr) missing.push_back(each.name);
    }
  }
  if (2 * missing.size() <= before) {
    missing_.clear();
    return verdict::publish;
  }
  if (missing != missing_) {
    missing_ = std::move(missing);
    release_at_ = now + hold_;
    return verdict::hold;
  }
  if (now < release_at_) return verdict::still_held;
  missing_.clear();
  return verdict::publish;
}

}  // namespace presenter::shard_router
