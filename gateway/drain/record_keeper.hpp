// Whoever has this gateway's record in DNS, as the drainer sees it.
#pragma once

#include <string>

namespace presenter::gateway {

// Confined to: the control thread.
class record_keeper {
 public:
  // The record is to go, and to stay away until restore(). It goes on trying.
  virtual void withdraw() = 0;
  virtual void restore() = 0;
  // The gateway ends: restore() does not come any more.
  virtual void mark_drained() = 0;
  // No name server has the record any more.
  virtual bool is_withdrawn() const = 0;
  // It stays: nobody else could take its clients, and it is known who there is.
  virtual bool is_last() const = 0;
  // Why it is still there, in words; empty: nothing is wrong yet.
  virtual std::string obstacle() const = 0;

 protected:
  ~record_keeper() = default;
};

}  // namespace presenter::gateway
