// What the server does once, before it serves: limits of the process, signals, listening sockets.
// What stands in the way is told with the key to blame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gateway/accept/listening_socket.hpp"
#include "gateway/config/config.hpp"
#include "gateway/operate/metrics.hpp"
#include "gateway/worker/worker_state.hpp"

namespace presenter::gateway {

// Every client is a descriptor: takes all that the hard limit allows, and returns how many.
std::uint64_t raise_descriptor_limit();

// Of the configuration, or one for each core that this process may use, as it was at the first
// call.
std::size_t worker_count(const config& settings);

// Of each worker.
move_paces paces_of(const config& settings);

// How long caches keep our record after it has gone.
duration settle_of(const dns_config& dns);

// That the process may use: a part of one, if its control group has a quota.
double core_count();

// In Hello, tags and pages: gateway.name, or the machine and the port.
std::string name_of_gateway(const config& settings, const tcp_endpoint& listen);
// The same, with a warning where that will hardly tell this gateway from others.
std::string node_name(const config& settings, const tcp_endpoint& listen);

// One line with version and limits; a warning if limits.clients_max is more than the descriptors.
void tell_capacity(const config& settings, std::size_t clients_max, std::uint64_t descriptors_max);

// The first thing in main: from here on no signal ends the process that is not meant to, and
// SIGTERM and SIGINT do. SIGPIPE is ignored; SIGUSR1 and SIGUSR2 too, by which other programs are
// told to open their logs again: there is no file here. SIGHUP is until the server waits for it,
// which it does before it reads the files that SIGHUP is about.
void prepare_signals();

// SIGTERM and SIGINT end the process at once, while nobody waits for them. That is their default,
// but not for process 1 of a container, which needs a handler, also after the last who waited.
void let_signals_end();

// One for each worker, of one address. Throws std::runtime_error. An address that another process
// of this user shares by SO_REUSEPORT is a warning only: so a gateway can be started beside its
// predecessor.
std::vector<listening_socket> open_listeners(const config& settings);

// Those of another process's workers, which listen already.
std::vector<listening_socket> adopt_listeners(const std::vector<worker_state>& workers);

}  // namespace presenter::gateway
