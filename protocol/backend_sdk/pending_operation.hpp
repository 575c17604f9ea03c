// Asynchronous operations that wait for a frame: the completion handler with its type taken away,
// its associated executor, allocator and cancellation slot honoured. Knows nothing of streams.
//
// Completion always goes through post, so a handler never runs inside the call that completes it,
// nor inside the one that began it.
#pragma once

#include <boost/asio/append.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "protocol/transport/link_executor.hpp"

namespace presenter::protocol {

// Life: from the initiating call to complete or destroy, either of which frees it.
template <class... Results>
class pending_operation {
 public:
  using signature = void(Results...);

  // Posts the handler with `results`.
  virtual void complete(Results... results) = 0;
  // Drops the handler without calling it: its io_context is being destroyed.
  virtual void destroy() = 0;

 protected:
  ~pending_operation() = default;
};

class read_operation : public pending_operation<boost::system::error_code, std::size_t> {
 public:
  virtual std::size_t size() const = 0;
  // Copies what fits into the caller's buffers, from their beginning; returns how much.
  virtual std::size_t fill(std::span<const std::byte> bytes) = 0;

 protected:
  ~read_operation() = default;
};

class write_operation : public pending_operation<boost::system::error_code, std::size_t> {
 public:
  virtual std::size_t size() const = 0;
  // The first `n` bytes, n ≤ size(): a view of the caller's if they lie in one piece, else copied
  // to `scratch`, which has room for n.
  virtual std::span<const std::byte> front(std::size_t n, std::span<std::byte> scratch) const = 0;

 protected:
  ~write_operation() = default;
};

struct operation_destroyer {
  template <class Operation>
  void operator()(Operation* operation) const {
    operation->destroy();
  }
};

// An operation that nobody completed is destroyed, as its io_context's own would be.
template <class Operation>
using operation_pointer = std::unique_ptr<Operation, operation_destroyer>;

// Leaves `operation` empty.
template <class Operation, class... Results>
void complete(operation_pointer<Operation>& operation, Results&&... results) {
  operation.release()->complete(std::forward<Results>(results)...);
}

// --- the parts that know the caller's types

template <class MutableBufferSequence>
class read_into : public read_operation {
 public:
  explicit read_into(const MutableBufferSequence& buffers) : buffers_(buffers) {}

  std::size_t size() const final { return boost::asio::buffer_size(buffers_); }

  std::size_t fill(std::span<const std::byte> bytes) final {
    return boost::asio::buffer_copy(buffers_, boost::asio::buffer(bytes.data(), bytes.size()));
  }

 protected:
  ~read_into() = default;

 private:
  MutableBufferSequence buffers_;
};

template <class ConstBufferSequence>
class write_from : public write_operation {
 public:
  explicit write_from(const ConstBufferSequence& buffers) : buffers_(buffers) {}

  std::size_t size() const final { return boost::asio::buffer_size(buffers_); }

  std::span<const std::byte> front(std::size_t n, std::span<std::byte> scratch) const final {
    const auto end = boost::asio::buffer_sequence_end(buffers_);
    for (auto it = boost::asio::buffer_sequence_begin(buffers_); it != end; ++it) {
      const boost::asio::const_buffer first(*it);
      if (first.size() >= n) return {static_cast<const std::byte*>(first.data()), n};
      if (first.size() != 0) break;
    }
    boost::asio::buffer_copy(boost::asio::buffer(scratch.data(), n), buffers_);
    return scratch.first(n);
  }

 protected:
  ~write_from() = default;

 private:
  ConstBufferSequence buffers_;
};

// `Operation` with its handler. Made by initiate only.
template <class Operation, class Handler, class Signature = typename Operation::signature>
class operation_with_handler;

template <class Operation, class Handler, class... Results>
class operation_with_handler<Operation, Handler, void(Results...)> final : public Operation {
  using base_allocator =
      boost::asio::associated_allocator_t<Handler, boost::asio::recycling_allocator<void>>;
  using allocator =
      typename std::allocator_traits<base_allocator>::template rebind_alloc<operation_with_handler>;
  using work_guard = decltype(boost::asio::make_work_guard(std::declval<const Handler&>(),
                                                           std::declval<const link_executor&>()));

 public:
  template <class... Arguments>
  static operation_pointer<Operation> make(link_executor executor, Handler handler,
                                           Arguments&&... arguments) {
    allocator memory = allocator_of(handler);
    auto* place = std::allocator_traits<allocator>::allocate(memory, 1);
    // As with Asio's own operations, moving handlers and copying buffer sequences does not throw.
    return operation_pointer<Operation>(new (place) operation_with_handler(
        executor, std::move(handler), std::forward<Arguments>(arguments)...));
  }

  void complete(Results... results) final {
    auto slot = boost::asio::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) slot.clear();
    // The memory goes back first, so that the handler's next operation may have it.
    const link_executor executor = executor_;
    const work_guard work = std::move(work_);
    const allocator memory = allocator_of(handler_);
    Handler handler(std::move(handler_));
    free(memory);
    boost::asio::post(executor, boost::asio::append(std::move(handler), std::move(results)...));
  }

  void destroy() final { free(allocator_of(handler_)); }

 private:
  template <class... Arguments>
  operation_with_handler(link_executor executor, Handler&& handler, Arguments&&... arguments)
      : Operation(std::forward<Arguments>(arguments)...),
        executor_(executor),
        handler_(std::move(handler)),
        work_(boost::asio::make_work_guard(handler_, executor)) {}
  ~operation_with_handler() = default;

  static allocator allocator_of(const Handler& handler) {
    return allocator(
        boost::asio::get_associated_allocator(handler, boost::asio::recycling_allocator<void>()));
  }

  void free(allocator memory) {
    this->~operation_with_handler();
    std::allocator_traits<allocator>::deallocate(memory, this, 1);
  }

  link_executor executor_;
  Handler handler_;
  work_guard work_;
};

// What async_initiate is given: makes an `Operation` of the handler and the arguments, has `State`
// begin it, and lets the handler's cancellation slot end it. All cancellation types do.
//
// `begin` takes the operation and returns a number, by which `cancel` knows whether it is still the
// same one, or 0 if it is over already.
template <class Operation, auto begin, auto cancel, class State>
struct initiate {
  using executor_type = link_executor;
  executor_type get_executor() const { return state->get_executor(); }

  template <class Handler, class... Arguments>
  void operator()(Handler&& handler, const Arguments&... arguments) const {
    using operation = operation_with_handler<Operation, std::decay_t<Handler>>;
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    const auto number = ((*state).*begin)(
        operation::make(state->get_executor(), std::forward<Handler>(handler), arguments...));
    if (!slot.is_connected() || number == 0) return;
    slot.assign([weak = std::weak_ptr<State>(state), number](boost::asio::cancellation_type type) {
      const auto alive = weak.lock();
      if (alive && type != boost::asio::cancellation_type::none) ((*alive).*cancel)(number);
    });
  }

  std::shared_ptr<State> state;
};

// An asynchronous operation of `state`: the body of an async_… function.
template <class Operation, auto begin, auto cancel, class State, class CompletionToken,
          class... Arguments>
auto initiate_operation(const std::shared_ptr<State>& state, CompletionToken& token,
                        const Arguments&... arguments) {
  return boost::asio::async_initiate<CompletionToken, typename Operation::signature>(
      initiate<Operation, begin, cancel, State>{state}, token, arguments...);
}

}  // namespace presenter::protocol
