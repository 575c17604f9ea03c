// Lets whoever runs a batch of work flush the links it touched at the batch's end, in the same turn
// of the loop: without it each link posts its flush, which costs a further look at the reactor and
// the wait for it.
#pragma once

#include <boost/intrusive/list.hpp>
#include <functional>
#include <utility>

namespace presenter::protocol {

// A link that has output. Leaves the batch by itself when it dies.
class output_batch_node : public boost::intrusive::list_base_hook<
                              boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 protected:
  ~output_batch_node() = default;

 private:
  friend class output_batch;
  virtual void flush_in_batch() = 0;
};

// Confined to: one thread, that of its links. Life: longer than theirs.
class output_batch {
 public:
  // `on_waiting`: a link has output, and nobody collects. Open a scope soon, not from inside.
  explicit output_batch(std::function<void()> on_waiting) : on_waiting_(std::move(on_waiting)) {}

  // Collects from here on; links are flushed when it ends, those that waited as well. Not nested.
  class scope {
   public:
    explicit scope(output_batch& batch) : batch_(batch) { batch_.is_collecting_ = true; }
    ~scope() { batch_.flush(); }
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

   private:
    output_batch& batch_;
  };

  // The link is flushed at the end of the scope, or of the next.
  void add(output_batch_node& link) {
    if (link.is_linked()) return;
    const bool was_empty = links_.empty();
    links_.push_back(link);
    if (was_empty && !is_collecting_) on_waiting_();
  }

 private:
  using link_list =
      boost::intrusive::list<output_batch_node, boost::intrusive::constant_time_size<false>>;

  // What a flush brings about (turns of waiting streams) is for the next turn of the loop.
  void flush() {
    is_collecting_ = false;
    link_list due;
    due.swap(links_);
    while (!due.empty()) {
      output_batch_node& link = due.front();
      due.pop_front();
      link.flush_in_batch();
    }
  }

  std::function<void()> on_waiting_;
  link_list links_;
  bool is_collecting_ = false;
};

}  // namespace presenter::protocol
