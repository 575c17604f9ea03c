// A backend that has no more than mux_core: it listens and has its links in a thread of its own.
// What it does with streams is its test's.
#pragma once

#include <boost/asio/post.hpp>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "protocol/transport/mux_link.hpp"
#include "shard_router/shard_map.hpp"

namespace presenter::gateway {

// Life: its test's, which calls serve() at the end of its constructor, and end() in its destructor.
class linked_backend {
 public:
  linked_backend(const linked_backend&) = delete;
  linked_backend& operator=(const linked_backend&) = delete;

  shard_router::backend_entry entry(
      shard_router::backend_state state = shard_router::backend_state::up) const {
    return {.name = name_,
            .host = "127.0.0.1",
            .port = port_,
            .weight = 1,
            .state = state,
            .instance = instance_};
  }

 protected:
  struct link;
  // What a test does not say otherwise.
  struct linked_stream : protocol::stream_handler {
    linked_stream(link& on_, protocol::stream_id id_) : on(on_), id(id_) {}
    virtual ~linked_stream() = default;
    void on_accepted() override {}
    void on_refused(const protocol::refuse_frame&) override {}
    void on_writable() override {}
    inline void on_reset(protocol::reset_reason, bool) override;
    void on_link_lost(bool) override {}
    void on_notice(const protocol::notice_frame&) override {}

    link& on;
    const protocol::stream_id id;
  };

  struct link final : protocol::mux_link {
    link(linked_backend& owner_, protocol::link_socket socket, const protocol::mux_options& options)
        : mux_link(std::move(socket), options), owner(owner_) {}
    void on_ready(const protocol::hello_frame&) override {}
    protocol::stream_handler* on_open(protocol::stream_id id,
                                      const protocol::open_frame& open) override {
      return owner.on_open(*this, id, open);
    }
    void on_go_away(const protocol::go_away_frame&) override {}
    void on_can_open() override {}
    void on_closed(boost::system::error_code) override { streams.clear(); }
    template <class Stream, class... Values>
    Stream& keep(protocol::stream_id id, Values&&... values) {
      auto made = std::make_unique<Stream>(std::forward<Values>(values)...);
      Stream& kept = *made;
      streams[id.value] = std::move(made);
      return kept;
    }
    // Not from inside its own call.
    void drop(protocol::stream_id id) {
      core().release(id);
      boost::asio::post(owner.io_,
                        [this, id, self = shared_from_this()] { streams.erase(id.value); });
    }
    linked_backend& owner;
    std::map<std::int64_t, std::unique_ptr<linked_stream>> streams;
  };

  linked_backend(std::string name, std::string instance, bool has_feature,
                 std::int32_t window_bytes = protocol::limits::stream_window_bytes_default)
      : name_(std::move(name)), instance_(std::move(instance)), acceptor_(io_) {
    options_.hello.role = protocol::link_role::backend;
    options_.hello.node = name_;
    set_feature(has_feature);
    options_.hello.stream_window_bytes = window_bytes;
    const boost::asio::ip::tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
    acceptor_.open(any.protocol());
    acceptor_.bind(any);
    acceptor_.listen();
    port_ = acceptor_.local_endpoint().port();
  }
  ~linked_backend() = default;

  // Of links that are made from now on.
  void set_feature(bool has_feature) {
    options_.hello.features = has_feature ? protocol::features::handoff : 0;
  }

  void serve() {
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  void end() {
    io_.stop();
    thread_.join();
  }

  virtual protocol::stream_handler* on_open(link& on, protocol::stream_id id,
                                            const protocol::open_frame& open) = 0;
  virtual void on_link(const std::shared_ptr<link>& made) { made->start(); }

  const std::string name_;
  const std::string instance_;
  boost::asio::io_context io_{1};
  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, protocol::link_executor> acceptor_;
  std::vector<std::shared_ptr<link>> links_;

 private:
  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, protocol::link_socket socket) {
      if (error) return;
      links_.push_back(std::make_shared<link>(*this, std::move(socket), options_));
      on_link(links_.back());
      accept();
    });
  }

  protocol::mux_options options_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

void linked_backend::linked_stream::on_reset(protocol::reset_reason, bool) {
  on.drop(id);
}

}  // namespace presenter::gateway
