"""The rules that tidy.py checks: tables first, nothing here reads a file."""

import re

# Which project folders a file in a folder may include, besides its own: only such as stand above it
# here, so that there is no circle and no arrow up. A folder that is not named may include nothing of
# the project: add it, with thought, when it comes to exist.
LAYERS = {
    "base": (),
    "base/loop": (),
    "base/net": ("base",),
    "base/process": ("base",),
    "protocol": ("base",),
    "protocol/wire": ("base", "protocol"),
    "protocol/mux": ("base", "protocol", "protocol/wire"),
    "protocol/transport": (
        "base", "base/loop", "protocol", "protocol/wire", "protocol/mux"),
    "shard_router": ("base", "base/net"),
    "protocol/backend_sdk": (
        "base", "protocol", "protocol/wire", "protocol/mux", "protocol/transport", "shard_router"),
    "gateway/vocabulary": ("protocol", "protocol/wire"),
    "gateway/config": (
        "base", "base/net", "protocol", "protocol/wire", "shard_router", "gateway/vocabulary"),
    "gateway/operate": ("base", "base/net", "protocol", "protocol/wire", "gateway/vocabulary"),
    "gateway/balance": (
        "base", "base/net", "base/process", "shard_router", "gateway/vocabulary", "gateway/config",
        "gateway/operate"),
    "gateway/balance/route53": ("base", "base/net", "gateway/vocabulary", "gateway/balance"),
    "gateway/balance/powerdns": (
        "base", "base/net", "gateway/vocabulary", "gateway/config", "gateway/balance"),
    "gateway/hooks": (
        "base", "base/process", "gateway/vocabulary", "gateway/config", "gateway/operate"),
    "gateway/tls/records": ("base",),
    "gateway/tls/certificates": ("protocol", "gateway/config"),
    "gateway/tls/tickets": ("base", "gateway/config", "gateway/operate"),
    "gateway/tls": (
        "base", "protocol/wire", "gateway/config", "gateway/tls/records",
        "gateway/tls/certificates", "gateway/tls/tickets"),
    "gateway/accept": ("base", "base/loop", "gateway/config", "gateway/operate"),
    "gateway/drain": (
        "base", "gateway/vocabulary", "gateway/config", "gateway/operate", "gateway/accept"),
    "gateway/upstream": (
        "base", "base/net", "protocol", "protocol/wire", "protocol/transport", "shard_router",
        "gateway/vocabulary", "gateway/config", "gateway/operate"),
    "gateway/relay": (
        "base", "protocol/wire", "protocol/mux", "gateway/vocabulary", "gateway/config",
        "gateway/operate"),
    "gateway/moves": (
        "base", "protocol", "protocol/wire", "shard_router", "gateway/vocabulary",
        "gateway/operate"),
    "gateway/client": (
        "base", "base/loop", "protocol/wire", "shard_router", "gateway/vocabulary",
        "gateway/config", "gateway/operate", "gateway/tls", "gateway/tls/certificates", "gateway/accept",
        "gateway/upstream", "gateway/relay", "gateway/moves"),
    "gateway/worker": (
        "base", "protocol/transport", "gateway/config", "gateway/operate", "gateway/tls",
        "gateway/tls/tickets", "gateway/accept", "gateway/upstream", "gateway/relay",
        "gateway/moves", "gateway/client"),
    "gateway/upgrade": (
        "base", "base/process", "protocol/wire", "shard_router", "gateway/vocabulary",
        "gateway/operate", "gateway/tls/tickets", "gateway/upstream", "gateway/client", "gateway/worker"),
    "gateway/control": (
        "base", "base/net", "shard_router", "gateway/vocabulary", "gateway/config",
        "gateway/operate", "gateway/balance", "gateway/balance/route53",
        "gateway/balance/powerdns", "gateway/hooks", "gateway/tls/certificates",
        "gateway/tls/tickets", "gateway/accept", "gateway/drain", "gateway/worker",
        "gateway/upgrade", "base/process"),
    "gateway": (
        "base", "shard_router", "gateway/config", "gateway/operate", "gateway/upgrade",
        "gateway/control"),
    "presenterctl": ("base", "base/net", "shard_router"),
    "bench/chat_backend": (
        "base", "protocol", "protocol/wire", "protocol/backend_sdk", "shard_router"),
    "bench/load_generator": (
        "base", "base/net", "protocol", "protocol/wire", "shard_router", "bench/chat_backend"),
}

# Tests and measurements may look at everything.
FREE_TO_INCLUDE = ("tests/", "bench/micro")

# Sans-I/O: bytes in, events out, the clock passed in.
SANS_IO = ("protocol", "protocol/wire", "protocol/mux")
SANS_IO_BANNED_HEADERS = re.compile(
    r"boost/(asio|beast|thread)|openssl/|thrift/|spdlog/|"
    r"(thread|mutex|shared_mutex|condition_variable|future|atomic|iostream|fstream)$|"
    r"sys/(socket|epoll|types|uio|un|ioctl)\.h$|netinet/|arpa/|netdb\.h$|unistd\.h$|poll\.h$")

# Pure parts of shard_router: a map is made and read without a thread or a socket.
PURE_SHARD_FILES = re.compile(r"shard_router/(hash_ring|shard_map|shard_map_codec|router)\.")

HEADER_RULES = (
    # (header, files that may include it, why)
    (re.compile(r"^zookeeper/"), re.compile(r"shard_router/zk_"),
     "zookeeper.h is for shard_router/zk_* only"),
    (re.compile(r"^(ares|netdb)\.h$"), re.compile(r"base/net/dns_channel\.|tests/support/faults\.cpp$"),
     "names are looked up by base/net/resolver"),
    (re.compile(r"^boost/asio/ip/(basic_)?resolver"), None,
     "one thread, no limit, joined at the end: base/net/resolver"),
    (re.compile(r"^boost/asio\.hpp$"), None, "include the single Asio headers"),
    # A request of https_client lasts a second, and there is one at a time.
    (re.compile(r"^boost/asio/ssl"), re.compile(r"tests/|cmake/|base/net/https_client\.cpp$"),
     "asio::ssl keeps two 17 KiB buffers for each client, for ever"),
    (re.compile(r"^boost/(asio|beast)/impl/src"), re.compile(r"cmake/"),
     "Asio and Beast are compiled once, in cmake/"),
)

# (pattern in code without comments and strings, why, files where it may stand)
BANNED_CODE = (
    (re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\("),
     "waiting by the clock: wait for the event, or pass the time in", None),
    (re.compile(r"\bs?rand\s*\("), "std::rand is shared and weak: use <random> with a printed seed",
     None),
    (re.compile(r"\b(getaddrinfo|getnameinfo|gethostby\w+|async_resolve)\s*\(|"
                r"\b(basic_resolver|(tcp|udp)::resolver)\b"),
     "no limit, and the end waits for it: base/net/resolver",
     re.compile(r"tests/support/faults\.cpp$")),
    (re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets)\s*\("), "writes without a bound", None),
    (re.compile(r"\b(strtok|gmtime|localtime)\s*\("), "static buffer: not thread-safe",
     None),
    (re.compile(r"\bssl::stream\b"), "34 KiB for each idle client: OpenSSL on the descriptor",
     re.compile(r"tests/|base/net/https_client\.cpp$")),
    (re.compile(r"(?<![:\w])(std::|::)?system\s*\("), "runs a shell", None),
    (re.compile(r"\bspdlog::(info|warn|error|log)\s*\("),
     "a line that could come again and again: log_paced of base/paced_log.hpp",
     re.compile(r"tests/|base/paced_log\.hpp$|gateway/operate/log\.cpp$|"
                # Said once in a life, or once for each change of it.
                r"gateway/(main|control/(start|server|shard_source|ticket_source))\.cpp$|"
                r"gateway/operate/admin_place\.cpp$")),
    # Literals are blank here, so a comma comes right behind the format.
    (re.compile(r"\bformat_to\s*\(|\bspdlog::(debug|info|warn|error|critical)\s*\(\s*,"),
     "compiles all of fmt anew, two seconds of each file: fmt::format, which the library holds",
     re.compile(r"tests/")),
    (re.compile(r"\bdetached\b"), "nobody sees its exception: the owner's handler does", None),
    (re.compile(r"\busing\s+namespace\s+std\s*;"), "names of std are written with std::", None),
    (re.compile(r"\b(GTEST_SKIP|DISABLED_)"), "a skipped test checks nothing", None),
)

BANNED_PYTHON = (
    (re.compile(r"\btime\.sleep\s*\("),
     "wait for the event: wait_until of deploy/demonstration/cluster.py",
     re.compile(r"deploy/demonstration/cluster\.py$")),
    (re.compile(r"\bos\.system\s*\(|shell\s*=\s*True"), "runs a shell", None),
    (re.compile(r"\bpkill\b|\bkillall\b"), "ends what it did not start: use the process id", None),
    (re.compile(r"@unittest\.skip|skipTest\("), "a skipped test checks nothing", None),
)

BANNED_TEXT = (
    # Spelled in two halves, for these rules are read by themselves.
    (re.compile("down" "stream", re.I), "glossary: client, backend or upstream"),
    (re.compile(r"\bTODO\b(?!\(#\d+\))"), "a TODO carries its issue: TODO(#12)"),
    (re.compile(r"(?<![\w.$}/])/(work|home|root)/"), "path of one machine"),
)

# What is counted and told to nobody is not counted: (header, struct, files of which one names each
# of its members). Numbers of a gateway go to its metrics, those of a chat server to its last line.
COUNTERS = (
    ("gateway/operate/metrics.hpp", "worker_metrics", ("gateway/operate/metrics.cpp",)),
    ("gateway/operate/metrics.hpp", "ticket_facts", ("gateway/operate/metrics.cpp",)),
    ("gateway/operate/metrics.hpp", "certificate_facts", ("gateway/operate/metrics.cpp",)),
    ("gateway/operate/metrics.hpp", "zookeeper_facts", ("gateway/operate/metrics.cpp",)),
    ("gateway/operate/metrics.hpp", "memory_facts", ("gateway/operate/metrics.cpp",)),
    ("gateway/operate/metrics.hpp", "hook_facts", ("gateway/operate/lifecycle_metrics.cpp",)),
    ("gateway/operate/metrics.hpp", "drain_facts", ("gateway/operate/lifecycle_metrics.cpp",)),
    ("gateway/operate/metrics.hpp", "process_facts", ("gateway/operate/metrics.cpp",)),
    ("gateway/operate/balance_facts.hpp", "balance_facts", ("gateway/operate/balance_facts.cpp",)),
    ("shard_router/shard_counters.hpp", "shard_counters",
     ("gateway/control/shard_source.cpp", "bench/chat_backend/counters_text.cpp")),
    # streams_opened and stream_errors have metrics of their own; opens_limited is a backend's.
    ("protocol/mux/mux_core.hpp", "mux_counters",
     ("gateway/upstream/upstream_link.cpp", "protocol/backend_sdk/acceptor_state.cpp")),
    ("protocol/transport/mux_link.hpp", "link_counters", ("gateway/upstream/upstream_link.cpp",)),
    ("protocol/backend_sdk/acceptor_options.hpp", "acceptor_counters",
     ("bench/chat_backend/counters_text.cpp",)),
    ("bench/chat_backend/chat_service.hpp", "chat_counters",
     ("bench/chat_backend/counters_text.cpp",)),
)

LINE_CHARS_MAX = 100
FILE_LINES_MAX = 600

# Prose is read in terminals and in reviews. A table's row cannot be broken into lines, so it may be
# longer; what does not fit there is a list, or a page of its own.
PROSE_CHARS_MAX = 110
TABLE_ROW_CHARS_MAX = 160
TABLE_COLUMNS_MAX = 3
