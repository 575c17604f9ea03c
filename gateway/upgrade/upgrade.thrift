/*
 * What a gateway's process hands over to the one that takes its place, besides descriptors: see
 * README.md. Fields are only added, each optional or with a default that means what an older
 * process did; a number is never used twice.
 */

namespace cpp presenter.gateway.upgrade_idl

struct Counter {
  1: string name
  2: i64 value
}

/* ClientHellos with early data that were taken. */
struct EarlyData {
  1: i64 started           // seconds since 1970, as the others
  2: i64 newest
  3: i64 filling_since
  4: binary filling        // marks of 16 bytes each
  5: binary before
}

/* Clocks: steady ones, in nanoseconds, which all processes of a machine share. */
struct Process {
  1: string version
  2: string name
  3: i32 workers
  4: i32 admin_listener = -1        // descriptor; -1: there is none
  5: string admin_address           // as configured
  6: i32 parent_channel = -1        // descriptor; -1: there is no empty parent
  7: list<Counter> counters
  8: i64 zookeeper_session          // 0: none
  9: binary zookeeper_password      // secret
  10: string shard_map                  // as shard_router keeps it on disk; empty: none
  11: binary own_ticket_keys        // secret
  12: binary fleet_ticket_keys      // secret; empty: not known
  13: optional EarlyData early_data
  14: i64 started_at                // of the first process, milliseconds
  15: bool has_been_ready
  16: string candidate              // in the election of who publishes; empty: no candidate
  17: i64 upgrade                   // its number
  18: i64 begun_at
  19: i64 frozen_at
  20: i64 clients                   // that go along
  21: i64 left_behind               // clients that cannot
  22: double cpu                    // its average, 0 … 1
  23: i32 admin_socket = -1         // descriptor of the unix socket; -1: there is none
  24: string admin_socket_path      // as it is
  25: i32 metrics_listener = -1     // descriptor; -1: there is none
  26: string metrics_address        // as configured
}

/* --- links */

struct Backend {
  1: string name
  2: string host
  3: i32 port
  4: i64 weight
  5: string state            // by its name
  6: string instance
}

/* Numbers modulo 2^32, and states of which there will be no more, are as they are in memory. */
struct Stream {
  1: i64 stream
  2: bool has_user           // a client is to attach to it
  3: i32 send_available
  4: i32 window              // of what the backend may send: its size, and of it
  5: i32 held_by_peer
  6: i32 owed
  7: i32 sent
  8: i32 received
  9: i8 local                // 0 open, 1 finished, 2 reset
  10: i8 remote
  11: i8 handoff             // 0 none, 1 asked, 2 giving
  12: bool is_accepted
  13: bool was_told_end
  14: bool wants_turn
  15: bool is_silent
  16: bool is_deposit_exact
}

struct Link {
  1: Backend backend
  2: bool is_retired
  3: i32 descriptor = -1
  4: binary hello            // frames as they went over the link, of this side
  5: binary peer_hello       // and of the backend
  6: i64 highest_opened
  7: list<Stream> streams
  8: list<i64> turns         // streams, in the order of the queue
  9: list<i64> credit_due
  10: i32 send_available
  11: i32 window
  12: i32 held_by_peer
  13: i32 owed
  14: binary control         // queued
  15: binary data
  16: i64 finishes_queued
  17: i64 commands_queued
  18: i64 streams_at_take
  19: optional i64 pong_due
  20: i64 next_ping = 1
  21: optional i64 ping_unanswered
  22: bool is_failing
  23: bool has_sent_go_away
  24: bool has_received_go_away
  25: binary partial         // received: the beginning of a frame
  26: binary control_in_flight
  27: binary data_in_flight
  28: optional i64 up_since
}

/* --- clients */

/* What the handshake of a client agreed on. */
struct Facts {
  1: string version
  2: string suite
  3: string server_name
  4: string alpn
  5: bool resumed
  6: string client_subject
}

/* What the backend of a client's stream has deposited. */
struct Deposit {
  1: i64 consumed
  2: i64 produced
  3: binary state
}

/* What the Open of a client's stream said. */
struct Opened {
  1: string key
  2: i32 facts               // its place in Worker.facts
  3: optional Deposit deposited
}

struct Client {
  1: i32 descriptor = -1
  2: string address
  3: i32 port
  4: i64 number
  5: i64 accepted_at
  6: i64 idle_since
  7: string phase            // by its name
  8: optional i64 deadline
  9: bool expects_progress
  10: bool has_turn
  11: optional string reason // by its name
  12: bool is_close_notify_sent
  13: bool is_fin_sent
  14: list<i64> records      // secret: tls_record_state, in words
  15: binary input
  16: binary unsent
  17: binary early
  18: i32 plaintext_waiting
  19: i32 plaintext
  20: i32 forgiven_at
  21: bool is_partial
  22: bool has_failed
  23: binary packet          // in the phase first_packet
  24: i32 facts
  25: i64 ring_hash
  26: optional i32 backend   // its place in Worker.backends
  27: optional Opened opened
  28: optional i32 link      // its place in Worker.links
  29: i64 stream
  30: binary for_client
  31: bool is_client_finished
  32: bool is_backend_finished
  33: bool is_client_told
  34: bool is_blocked_at_client
  35: bool is_blocked_at_backend
  36: bool has_limit
  37: string end_reason           // by its name
  38: i32 handshake_took = 0      // as in short_time; 0: not known
  39: i32 opening_took = 0
}

struct Worker {
  1: i32 listener = -1       // descriptor
  2: string tag_stem
  3: i64 sessions_begun
  4: list<Backend> backends
  5: list<Facts> facts
  6: list<Link> links
  7: list<Client> clients
  8: list<Counter> counters
  9: i64 left_behind
}
