// Breaks, when an io_context is destroyed, the circle in which a waiting coroutine's frame owns the
// stream on which it waits: what Asio's own services do for the operations of sockets.
#pragma once

#include <boost/asio/execution_context.hpp>
#include <boost/intrusive/list.hpp>

namespace presenter::protocol {

// Life: registers for as long as it exists. Confined to: the thread of its io_context.
class operation_owner : public boost::intrusive::list_base_hook<
                            boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  operation_owner(const operation_owner&) = delete;
  operation_owner& operator=(const operation_owner&) = delete;

  // Destroys pending operations without completing them; that may destroy the owner itself.
  virtual void destroy_operations() = 0;

 protected:
  explicit operation_owner(boost::asio::execution_context& context);
  ~operation_owner() = default;
};

// Life: made by the first owner of an io_context, destroyed with it.
class operation_service : public boost::asio::execution_context::service {
 public:
  using key_type = operation_service;
  static boost::asio::execution_context::id id;

  explicit operation_service(boost::asio::execution_context& context)
      : boost::asio::execution_context::service(context) {}

  void add(operation_owner& owner) { owners_.push_back(owner); }

 private:
  void shutdown() final;

  boost::intrusive::list<operation_owner, boost::intrusive::constant_time_size<false>> owners_;
};

}  // namespace presenter::protocol
