// What presenterctl's exit status says, the same for every command; README.md lists it.
#pragma once

namespace presenter::ctl {

enum exit_code : int {
  exit_ok = 0,
  exit_no = 1,           // the answer is no: no such backend, nobody of this key, too late
  exit_usage = 2,        // the command line is wrong
  exit_unreachable = 3,  // a gateway or ZooKeeper does not answer, or not in a way that makes sense
  exit_refused = 4,      // ZooKeeper does not let this identity do it, a gateway not from afar
  exit_unwritten = 5,    // standard output does not take what was to be said; what was done is done
};

}  // namespace presenter::ctl
