// Judges one direction of one couple: was every message delivered to the partner exactly once, in
// order? Events in, counts out; it knows no socket and no clock. What a message holds is checked
// before, by message_body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

namespace presenter::bench {

struct delivery_counts {
  std::uint64_t sent = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t delivered = 0;         // each message once, however often it came
  std::uint64_t duplicated = 0;        // further arrivals of a message
  std::uint64_t reordered = 0;         // arrived after a later one
  std::uint64_t corrupted = 0;         // not as it was sent
  std::uint64_t unexpected = 0;        // never sent, or not to this client
  std::uint64_t interrupted = 0;       // unacknowledged when the sender's end broke, never arrived
  std::uint64_t lost_with_server = 0;  // acknowledged by a server whose memory is gone
  std::uint64_t lost = 0;              // everything else that never arrived

  delivery_counts& operator+=(const delivery_counts&);
  // Of the messages sent: each belongs to exactly one of these.
  std::uint64_t accounted_for() const { return delivered + interrupted + lost_with_server + lost; }
  bool adds_up() const { return sent == accounted_for(); }
  bool is_flawless() const {
    return lost == 0 && duplicated == 0 && reordered == 0 && corrupted == 0 && unexpected == 0;
  }
};

enum class arrival { delivered, duplicated, reordered, unexpected };

// Life: the couple's. Confined to: the couple's thread.
// Bounds: 4 bytes per message that is not both delivered and settled with its sender.
class delivery_checker {
 public:
  // A number for each chat server, chosen by the caller.
  using server_number = std::uint16_t;

  // Messages count 1, 2, 3 …
  std::uint64_t next_sequence() const { return counts_.sent + 1; }
  // The message of next_sequence() is on its way.
  void on_sent();

  // The sender learnt that `server` has it. Again, or of a message never sent: no effect.
  void on_acknowledged(std::uint64_t sequence, server_number server);

  // The sender's TLS connection ended: what is not acknowledged may or may not have gone through.
  void on_sender_disconnected();

  arrival on_delivered(std::uint64_t sequence);
  void on_corrupted() { ++counts_.corrupted; }
  void on_unexpected() { ++counts_.unexpected; }

  // The receiver is now served by `now`: what other servers that it has left acknowledge and do not
  // deliver can only come if it returns to them.
  void on_receiver_moved(server_number left, server_number now);
  // `server` was restarted: what it has acknowledged and not delivered is gone.
  void on_memory_lost(server_number server);

  // Messages that may still arrive and that somebody is responsible for.
  std::size_t outstanding() const;

  // The verdict, when nothing more will come.
  delivery_counts finish() const;
  // Its lost_with_server, by the server that had acknowledged them.
  std::map<server_number, std::uint64_t> lost_by_server() const;

 private:
  struct message {
    bool acknowledged : 1 = false;
    bool interrupted : 1 = false;
    bool delivered : 1 = false;
    bool server_gone : 1 = false;
    server_number server = 0;
  };

  message* find(std::uint64_t sequence);
  bool is_server_gone(const message&) const;
  void forget_settled();

  std::deque<message> messages_;  // from sequence first_
  std::uint64_t first_ = 1;
  std::uint64_t highest_delivered_ = 0;
  std::vector<server_number> left_servers_;
  delivery_counts counts_;
};

}  // namespace presenter::bench
