// The gateway's configuration: one TOML file and what the environment overrides, read into plain
// values. Every key, its default, unit, range and meaning is a member here; deploy/configuration.md
// has them in tables, which key_texts.cpp and the reader make.
// `load_config` checks the values. What the files that they name hold is checked by those who load
// them, and what they find is placed in the configuration by `config_result::fail`.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gateway/config/address_range.hpp"
#include "gateway/config/config_places.hpp"
#include "gateway/config/dns_config.hpp"
#include "gateway/config/ticket_policy.hpp"
#include "gateway/vocabulary/log_format.hpp"
#include "gateway/vocabulary/log_level.hpp"
#include "protocol/limits.hpp"

namespace presenter::gateway {

// In the file a duration is "500ms", "10s", "5m", "12h", or a whole number of seconds.
using duration = std::chrono::milliseconds;
using tcp_endpoint = boost::asio::ip::tcp::endpoint;

// [gateway]: which one of the fleet this is.
struct gateway_config {
  // In Hello to the backends, in tags, on the pages of [admin]: 1 … 255 printable characters
  // without blanks, another one for each gateway. Empty: the machine's name, ':' and the port of
  // listen.address.
  std::string name;
};

// [listen]: where clients come in.
struct listen_config {
  // "0.0.0.0:443", or "[::]:443" for IPv6 and IPv4; an address, never a name. Port 0: any free one.
  tcp_endpoint address{boost::asio::ip::tcp::v4(), 443};
  // Clients that wait in the kernel to be accepted, per worker. 1 … 65535; the kernel cuts it to
  // net.core.somaxconn. Large, because masses of clients come back at the same moment.
  int backlog = 4'096;
  // Clients whose first bytes came in the SYN (RFC 7413) and whose TCP handshake has not ended yet,
  // per worker: those above it are served as if they had sent nothing. 0 … 65535; 0: no TCP Fast
  // Open. The kernel must allow it too: bit 2 of net.ipv4.tcp_fastopen.
  int fast_open = 1'024;
};

// [clients]: their TCP, and how long a silent one stays. Every client accepted has these options
// from the listener, at no system call each.
struct clients_config {
  // The kernel asks a client that has been silent for `keepalive_idle` (1 s … 9 h) every
  // `keepalive_interval` (1 s … 9 h), and gives it up after `keepalive_count` (1 … 127) questions
  // without an answer. 3 min 45 s is less than what lies on the way bears: load balancers of the
  // large clouds forget a silent connection after 4 min (Azure) or 350 s (AWS), and a question that
  // leaves at the very moment is too late; NATs of mobile networks after 5 min and more (RFC 5382
  // asks for 2 h 4 min). Yet a radio is asked seldom.
  bool keepalive = true;
  duration keepalive_idle = std::chrono::seconds{225};
  duration keepalive_interval = std::chrono::seconds{30};
  int keepalive_count = 3;
  // TCP_USER_TIMEOUT: a client that acknowledges nothing of what was sent, or leaves its window
  // closed, for so long is given up. Without it: some 15 minutes. 0: the kernel's. 1 s … 24 h, and
  // at least idle + count × interval: Linux then ignores the count, and with a shorter time one
  // lost probe closes a living client.
  duration user_timeout = std::chrono::seconds{315};
  // TCP_NOTSENT_LOWAT: how much may wait in the kernel that has not been sent at all, 0 or
  // 4096 … 16777216; 0: the kernel's, which is no limit but the send buffer. Two records: one
  // leaves while the next is made, and the rest waits where credit bounds it.
  int notsent_lowat_bytes = 32 * 1'024;
  // A client that neither sends nor is sent a byte for so long is closed. 0 or 1 s … 168 h; 0:
  // never, for chat clients are silent for hours, and keep-alive finds the dead.
  duration idle_timeout{};
};

// A certificate with its key, [tls]'s own or a table of [[tls.certificates]].
struct certificate_config {
  std::filesystem::path certificate;  // PEM: the leaf, then its chain. Required.
  std::filesystem::path private_key;  // PEM, not encrypted, of the leaf. Required.
  // DER, of the leaf: stapled for as long as it is valid.
  std::optional<std::filesystem::path> ocsp_response;
  // Server names to which it is shown, "chat.example" or "*.chat.example". Empty: those in its
  // subjectAltName.
  std::vector<std::string> names;
};

// Whether clients are to show certificates of their own.
enum class client_certificates : std::uint8_t { none, optional, required };

// [tls]: paths are relative to the configuration's own folder. The default certificate is shown to
// clients that ask for no name, or for one that nobody has.
struct tls_config : certificate_config {
  // An ECDSA and an RSA certificate of one name stand side by side; each client gets what it can
  // verify.
  std::vector<certificate_config> certificates;
  bool strict_sni = false;      // refuses clients that ask for no name, or for one that nobody has
  bool requires_tls13 = false;  // `min_version` "1.3" instead of "1.2"
  // OpenSSL's names, the most wanted first. Mozilla's intermediate recommendation, without
  // finite-field DH, for which every client of the last ten years has ECDHE, and without P-384,
  // with which a client could make us work twenty times as much as with the other two. SHA-256
  // first: its key schedule costs a handshake about 25 µs less than SHA-384's.
  std::vector<std::string> suites_12{
      "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
      "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
      "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"};
  std::vector<std::string> suites_13{"TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256",
                                     "TLS_AES_256_GCM_SHA384"};
  std::vector<std::string> curves{"X25519", "P-256"};
  // Application protocols, the most wanted first: 0 … 16 of 1 … 255 bytes. Empty: none is agreed
  // on.
  std::vector<std::string> alpn;
  // PEM: authorities of clients' certificates. Required unless `client_certificate` is "none".
  std::optional<std::filesystem::path> client_ca;
  client_certificates client_certificate = client_certificates::none;
  // The files of this table are looked at so often, and read again when they have changed. 0, or
  // 100 ms … 1 h; 0: only at SIGHUP.
  duration watch_interval = std::chrono::seconds{2};
  // Frees OpenSSL's object after a handshake with an AEAD, some 14 KiB, and goes on without it.
  bool detach_records = true;
  // Takes TLS 1.3 early data (0-RTT): a first packet that comes along with a resumption's first
  // bytes. It can be replayed, so it goes on before the handshake has ended only to backends that
  // announced that they take it.
  bool early_data = false;
  // From accept to the end of the handshake. 100 ms … 5 min.
  duration handshake_timeout = std::chrono::seconds{10};
  // Keys of session tickets, used while there are none from ZooKeeper: 1 to 64 of 80 bytes, the
  // first seals, all open. Nobody else may read the file.
  std::optional<std::filesystem::path> ticket_key_file;
  // `ticket_rotation` 1 s … 84 h, `ticket_lifetime` 2 s … 168 h: between 2 and 48 rotations, for
  // the key that sealed before this one must still open, and not more keys may pile up than fit.
  ticket_policy tickets;
};

// [auth]: how the first packet of a client is read.
struct auth_config {
  std::string parser = "thrift";        // the only one
  std::string method = "authenticate";  // of the first call; 1 … 255 bytes
  // Where in that call the routing key is, by field ids from the argument struct: 1 … 8 of them.
  std::vector<std::int16_t> key_path{1, 1};
  // Largest first packet without its 4-byte length. 64 … 16384, and with the length it must fit
  // upstream.stream_window_bytes: it follows Open at once, before any credit can have come.
  std::size_t packet_bytes_max = 4'096;
  // From the end of the handshake to the whole first packet. 100 ms … 5 min.
  duration timeout = std::chrono::seconds{10};
};

// [shards]: where the shard map comes from. Exactly one of the first two.
struct shards_config {
  std::optional<std::string> zookeeper;       // "host:port,host:port/chroot"
  std::optional<std::filesystem::path> file;  // shards.toml, relative to the configuration's folder
  duration session_timeout = std::chrono::seconds{6};  // of ZooKeeper's session. 1 s … 5 min.
  // One line, "user:password": the digest identity that owns what this gateway creates, and alone
  // may read and write the ticket keys. Nobody else may read the file. Nothing: no ticket keys in
  // ZooKeeper.
  std::optional<std::filesystem::path> zookeeper_auth_file;
  // Where the last map of ZooKeeper is kept, for a start without it; written by the gateway, in a
  // folder that it may write. Nothing: nowhere.
  std::optional<std::filesystem::path> saved_map;
  // Takes a backend out of ZooKeeper whose links here are all broken and whose host refuses new
  // ones. Unless it is set: if there is an identity, which may be the one that owns the entries.
  bool remove_dead = false;
  // How long a map that lacks more than half of the servers is held back. 0 … 24 h; 0: not at all.
  duration mass_drop_hold = std::chrono::seconds{30};
};

// [moves]: streams whose shard has a new owner are moved, one after the other.
struct moves_config {
  // Of the whole process, shared evenly by the workers. 0 … 1 million; 0: see
  // moves_per_worker.
  std::int64_t streams_per_second = 0;
  // How long a backend may be missing from the map, its links being whole, before its streams are
  // moved. 0 … 5 min.
  duration left_grace = std::chrono::seconds{5};
  // Pace of streams that are handed over, so that no client comes back by a handshake. Of the whole
  // process. 0 … 1 million; 0: none is handed over, all are closed.
  std::int64_t handoffs_per_second = 2'000;
  // How long a backend may take to give a stream up. 100 ms … 5 min.
  duration handoff_deadline = std::chrono::seconds{5};
  // How long the clients of a backend whose links broke are kept until it is known that it is gone.
  // Above shards.session_timeout, when ZooKeeper knows it at the latest. 1 s … 5 min.
  duration crash_wait = std::chrono::seconds{10};
  // States and unread bytes of streams between two backends, of the whole process. When it is full
  // the next wait for their turn. 1 MiB … 64 GiB.
  std::int64_t held_bytes_max = 64 * 1'024 * 1'024;
};

// [upstream]: links and streams to the backends.
struct upstream_config {
  std::size_t links_per_worker = 1;  // to each backend. 1 … 16.
  // How long a client may wait for its backend's answer before it is answered itself. It spans the
  // link's connect, a map that still spreads and retries. 100 ms … 5 min.
  duration opening_timeout = std::chrono::seconds{10};
  // One attempt to bring up a link's TCP connection. 100 ms … 1 min.
  duration connect_timeout = std::chrono::seconds{3};
  // How long a link may be silent before it is pinged; after twice that it gets no new streams.
  // 50 ms … 5 min.
  duration ping_interval = protocol::limits::ping_interval_default;
  // After so much silence a link is dead and its clients are closed. 150 ms … 1 h, and at least
  // three ping intervals: suspect comes first, and a late answer is still in time.
  duration dead_after = protocol::limits::dead_after_default;
  // A stream that has bytes to move and moves none for so long is reset. 1 s … 1 h.
  duration stall_timeout = protocol::limits::stall_timeout_default;
  // Largest state that a backend may deposit for a stream, with which the stream goes on elsewhere
  // when the backend crashes. A stream with a deposit keeps so much, and 40 bytes. 0 … 16384, what
  // the protocol allows; 0: none is taken.
  std::int32_t deposit_bytes_max = 256;
  // How long before it closes a client for a drain's deadline, or to share out the clients, the
  // gateway tells the client's backend. 0 … 1 h; 0: it does not.
  duration notice = std::chrono::seconds{10};
  // Credit that the gateway grants to each stream and each link, in payload bytes: the most that
  // one client that does not read, or all of them, can pin here. Ranges: protocol/limits.hpp.
  std::int32_t stream_window_bytes = protocol::limits::stream_window_bytes_default;
  std::int64_t link_window_bytes = protocol::limits::link_window_bytes_default;
};

// [workers]
struct workers_config {
  // Threads that serve clients. 0 … 256; 0: one for each core that the process may use, see
  // operate/cpu_share.hpp.
  std::size_t count = 0;
};

// [admin]: health, metrics and orders over HTTP.
struct admin_config {
  // Nothing: not over TCP. Port 0: any free one. If it is not the loopback it needs token_file.
  std::optional<tcp_endpoint> address;
  // Whoever has what stands in this file may do everything over TCP, and nobody else may see more
  // than health and metrics. One line of 16 … 256 printable characters; nobody else may read it.
  std::optional<std::filesystem::path> token_file;
  // Health and metrics alone, for whoever can reach it. Nothing: they are at `address` only.
  std::optional<tcp_endpoint> metrics_address;
  // Of a unix socket, by which everything may be done: its file says who may. Empty and not off: by
  // the gateway's name in the folder of the service manager, or in /run/presenter, if it may be
  // written. "off": none.
  std::filesystem::path socket;
  bool is_socket_off = false;
};

// [limits]
struct limits_config {
  // Clients of the whole process. 0 … 100 million; 0: what the descriptors allow, see
  // clients_max_of.
  std::size_t clients_max = 0;

  // Shield of the handshakes. An address is one of IPv4 or a /64 of IPv6; behind one there may be
  // thousands of phones (carrier-grade NAT) that all come back at once, hence the high numbers.
  // Clients of one address between accept and the end of their first packet. 0 … 1 million; 0: any.
  std::uint32_t address_unauthenticated_max = 4'096;
  // Clients accepted from one address, per second, and how many at once after a quiet time.
  // 0 … 1 million; 0: any. The burst is at least 1.
  std::uint32_t address_handshakes_per_second = 500;
  std::uint32_t address_handshakes_burst = 4'096;
  // Not limited: whoever connects on behalf of many, like a load balancer, or this machine itself.
  std::vector<address_range> address_exempt = address_ranges_loopback();
};

// [shutdown]
struct shutdown_config {
  // From SIGTERM until what is still open is cut. 0 … 1 h.
  duration timeout = std::chrono::seconds{10};
};

// [drain]: how a gateway is taken out. With this table in the file SIGTERM drains.
struct drain_config {
  bool is_configured = false;
  // The gateway ends when it has no client, and none has come for so long. DNS caches keep a record
  // for longer than its TTL. 1 s … 24 h, and at least dns.ttl.
  duration quiet = std::chrono::minutes{10};
  // Clients that are left are closed at an even pace, so that the last one goes before this is
  // over. Nothing: they stay for as long as they like.
  std::optional<duration> deadline;
};
inline constexpr duration drain_deadline_min = std::chrono::seconds{1};
inline constexpr duration drain_deadline_max = std::chrono::hours{48};

// [upgrade]: how another process takes this one's place, with its clients.
struct upgrade_config {
  // How long handshakes and openings under way may take to end before everything is frozen. Those
  // who come meanwhile wait in the kernel. 0 … 1 min.
  duration settle = std::chrono::seconds{2};
  // How long clients may stand still before the attempt is given up: from the freeze until the new
  // process has everything. 100 ms … 1 min.
  duration timeout = std::chrono::seconds{5};
};

// [hooks]: programs that run at certain moments of the gateway's life.
struct hooks_config {
  std::optional<std::filesystem::path> directory;  // nothing: no hooks
  duration timeout = std::chrono::seconds{60};     // of each. 100 ms … 1 h.
};

// [balance]: how clients are shared out among the gateways.
struct balance_config {
  // Always closes clients of gateways that have too many, as `presenterctl gateway rebalance` does
  // once: until nobody has more than this times the mean. 1.05 … 10; nothing: "off".
  std::optional<double> shed;
  // Of the whole fleet. 0 … 1000000; 0: all clients in ten minutes.
  double shed_per_second = 0;
  double floor = 0.1;  // least weight of a gateway that has a record. 0.01 … 1.
};

// [metrics]
struct metrics_config {
  std::size_t backends_max = 100;  // that have metrics of their own. 0 … 100000
};

// [log]
struct log_config {
  log_level level = log_level::info;      // "debug", "info", "warning", "error"
  log_format format = log_format::text;   // "text", "json"
  double clients = 0;                     // share of clients that get records. 0 … 1
  std::int64_t clients_per_second = 100;  // records of each worker, at most. 1 … 100000
  duration clients_interval{0};           // between two records of a client; 0: at its end only
};

struct config {
  gateway_config gateway;
  listen_config listen;
  clients_config clients;
  tls_config tls;
  auth_config auth;
  shards_config shards;
  moves_config moves;
  upstream_config upstream;
  workers_config workers;
  admin_config admin;
  limits_config limits;
  dns_config dns;
  balance_config balance;
  shutdown_config shutdown;
  drain_config drain;
  upgrade_config upgrade;
  hooks_config hooks;
  metrics_config metrics;
  log_config log;
};

struct config_result {
  config value;                        // only to be used without errors
  std::vector<config_error> errors;    // every mistake, in the file's order
  std::vector<config_error> warnings;  // what does not stop a start, but should not be so
  config_places places;

  // What somebody has found in a file that this key names; see config_places::error_at.
  void fail(const config_table& table, std::string_view key, std::string text);
  void warn(const config_table& table, std::string_view key, std::string text);
};

// Variables of the environment and their values.
using environment_map = std::map<std::string, std::string, std::less<>>;
environment_map own_variables();

// Reads and checks the whole file; throws nothing. A TOML syntax error ends the reading, everything
// else is collected. Looks whether files that are named can be read; no network.
config_result load_config(const std::filesystem::path& file,
                          const environment_map& environment = own_variables()) noexcept;

// How many clients the process may hold when it may open `descriptors_max` files:
// `limits.clients_max` if that is set and fits, else all but a reserve for links, listeners, logs
// and admin sessions. At least 1.
std::size_t clients_max_of(const config& settings, std::uint64_t descriptors_max) noexcept;

// From this number of open descriptors on nobody is accepted: half of that reserve is left, for
// what must go on (links, admin sessions, files).
std::size_t descriptors_watermark_of(std::uint64_t descriptors_max) noexcept;

// Of one worker, unless configured: the clients come back with 250 handshakes of 0.3 ms at the most
// (bench/README.md), 7.5 % of a worker's time, so that those who are talking do not notice; and a
// worker with 15,000 clients of one backend is done in a minute.
inline constexpr double moves_per_second_default = 250;

// How many moves a second each of so many workers makes.
double moves_per_worker(const moves_config& settings, std::size_t workers) noexcept;

}  // namespace presenter::gateway
