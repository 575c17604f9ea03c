"""A small Presenter installation on this machine, started and stopped by a script.

Life: everything lives in one temporary folder and is started by a `Cluster`; leaving its `with`
block stops each process by its own process group and removes the folder. A child also dies with
its parent (PR_SET_PDEATHSIG), so nothing is left behind even if the script itself is killed.
Used by demo.py beside it and, through tests/support/processes.py, by the integration tests.
"""

import ctypes
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

POLL_SECONDS = 0.02
START_SECONDS = 60
STOP_SECONDS = 20


class ClusterError(Exception):
    """Something did not start, stop or happen in time."""


def wait_until(predicate, seconds, what):
    """Returns the first true value of `predicate()`; raises ClusterError after `seconds`.

    The only place that waits by the clock. A deadline here is a limit for a broken run, never a
    measurement.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise ClusterError(f"not within {seconds} s: {what}")
        time.sleep(POLL_SECONDS)


# A socket for each port that this process has drawn.
_drawn = []


def free_port():
    """A port of 127.0.0.1 that nobody uses, outside the range the kernel hands out by itself.

    Only for programs that cannot be given port 0 and say what they got. Until this process ends no
    other that asks here is given the port, whenever that program comes to bind it.
    """
    for _ in range(1000):
        port = random.randint(20000, 30000)
        # A name without a file, which is one network's own as ports are.
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                claim.bind(f"\0presenter-port-{port}")
                probe.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
        _drawn.append(claim)
        return port
    raise ClusterError("no free port between 20000 and 30000")


def _die_with_parent():
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Process:
    """One child process, its output in `<folder>/<name>.log`."""

    def __init__(self, name, folder, command):
        self.name = name
        self.folder = folder
        self.command = [str(word) for word in command]
        self.errors_to = subprocess.STDOUT
        self.log_path = os.path.join(folder, f"{name}.log")
        self.child = None
        self._log_start = 0

    @property
    def pid(self):
        return self.child.pid

    def start(self):
        assert not self.is_running(), f"{self.name} runs already"
        with open(self.log_path, "ab") as log:
            self._log_start = log.tell()
            self.child = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=self.errors_to,
                cwd=self.folder, start_new_session=True, preexec_fn=_die_with_parent)
        return self

    def is_running(self):
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        """To the process's own group, which it leads."""
        if self.is_running():
            os.killpg(self.child.pid, number)

    def wait(self, seconds):
        """Exit status, negative for a signal; raises ClusterError if it does not end in time."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ClusterError(f"{self.name} did not end within {seconds} s") from None

    def stop(self, seconds=STOP_SECONDS):
        """SIGTERM, and SIGKILL if that does not end it. Returns the exit status."""
        if self.child is None:
            return None
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self.wait(seconds)
        except ClusterError:
            return self.kill()

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.wait(STOP_SECONDS)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def output(self):
        """What it has written since its last start."""
        with open(self.log_path, "rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace")

    def log_tail(self, lines=40):
        return "\n".join(self.output().splitlines()[-lines:])

    def wait_for_line(self, pattern, seconds=START_SECONDS):
        """Match of `pattern` in the output; raises if the process ends before it writes that."""
        def look():
            running = self.is_running()
            match = re.search(pattern, self.output(), re.M)
            if not match and not running:
                raise ClusterError(f"{self.name} ended with status {self.child.returncode}:\n"
                                   f"{self.log_tail()}")
            return match
        try:
            return wait_until(look, seconds, f"{self.name}: {pattern}")
        except ClusterError as error:
            raise ClusterError(f"{error}\n{self.log_tail()}") from None

    def resident_kib(self):
        """Resident memory, RssAnon: what the process itself allocated."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return int(re.search(r"^RssAnon:\s+(\d+) kB", status.read(), re.M).group(1))

    def pss_kib(self):
        """Memory by PSS, which counts its share of what it shares with others."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as rollup:
            return int(re.search(r"^Pss:\s+(\d+) kB", rollup.read(), re.M).group(1))

    def cpu_seconds(self):
        """User and system time since it was started."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Certificates:
    """A throw-away authority and one ECDSA P-256 server certificate for localhost."""

    def __init__(self, folder):
        self.authority = os.path.join(folder, "authority.pem")
        self.certificate = os.path.join(folder, "server.pem")
        self.private_key = os.path.join(folder, "server.key")
        self._authority_key = os.path.join(folder, "authority.key")
        # Not the machine's openssl.cnf. Python from 3.13 on wants of an authority what RFC 5280
        # wants.
        config = os.path.join(folder, "authority.cnf")
        with open(config, "w", encoding="ascii") as file:
            file.write("[req]\ndistinguished_name = name\nx509_extensions = authority\n[name]\n"
                       "[authority]\n" + "\n".join(self.AUTHORITY) + "\n")
        self._openssl("req", "-x509", "-config", config, *self.EC_KEY,
                      "-keyout", self._authority_key, "-out", self.authority, "-days", "2",
                      "-subj", "/CN=Presenter throw-away authority")
        self.issue(os.path.join(folder, "server"), "DNS:localhost,IP:127.0.0.1")

    AUTHORITY = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign",
                 "subjectKeyIdentifier=hash")
    EC_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    RSA_KEY = ["-newkey", "rsa:2048", "-nodes"]

    def issue(self, stem, names, subject="/CN=localhost", new_key=None, issuer=None, extensions=(),
              days=2):
        """A certificate for these names, `stem`.pem and its key, `stem`.key, of the authority or of
        another `issuer`'s stem, with more X.509 `extensions`: "extendedKeyUsage=clientAuth"."""
        with open(f"{stem}.ext", "w", encoding="ascii") as file:
            file.write("\n".join([f"subjectAltName={names}", "subjectKeyIdentifier=hash",
                                  "authorityKeyIdentifier=keyid", *extensions, ""]))
        self._openssl("req", *(new_key or self.EC_KEY), "-keyout", f"{stem}.key",
                      "-out", f"{stem}.csr", "-utf8", "-subj", subject)
        self._openssl("x509", "-req", "-in", f"{stem}.csr",
                      "-CA", f"{issuer}.pem" if issuer else self.authority,
                      "-CAkey", f"{issuer}.key" if issuer else self._authority_key,
                      "-CAcreateserial", "-days", str(days),
                      "-extfile", f"{stem}.ext", "-out", f"{stem}.pem")

    @staticmethod
    def _openssl(*words):
        run = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False,
                             stdin=subprocess.DEVNULL)
        if run.returncode:
            raise ClusterError(f"openssl {words[0]}: {run.stderr}")


class ZooKeeper(Process):
    """A real ZooKeeper of one server; its port and its data stay the same over kill and restart."""

    # Debian's jar names what it needs in its manifest, all but a logger.
    CLASS_PATH = ("/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar:"
                  "/usr/share/java/netty-transport-native-unix-common.jar")

    def __init__(self, folder, host="127.0.0.1"):
        self.host = host
        self.port = free_port()
        self.data = os.path.join(folder, "zookeeper-data")
        os.makedirs(self.data, exist_ok=True)
        self.config_path = os.path.join(folder, "zoo.cfg")
        super().__init__("zookeeper", folder, [
            "/usr/bin/java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-Dzookeeper.jmx.log4j.disable=true", "-Dzookeeper.forceSync=no",
            "-cp", self.CLASS_PATH, "org.apache.zookeeper.server.ZooKeeperServerMain",
            self.config_path])

    def _write_config(self):
        with open(self.config_path, "w", encoding="ascii") as file:
            file.write(f"tickTime=500\nminSessionTimeout=1000\nmaxSessionTimeout=60000\n"
                       f"dataDir={self.data}\nclientPort={self.port}\n"
                       f"clientPortAddress={self.host}\nmaxClientCnxns=0\n"
                       f"admin.enableServer=false\n4lw.commands.whitelist=ruok,srvr,mntr\n")

    @property
    def connect_string(self):
        """With the znode under which everything of ours is."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/presenter"

    def start(self):
        self._write_config()
        super().start()
        wait_until(self._answers, START_SECONDS, f"ZooKeeper answers\n{self.log_tail()}")
        return self

    restart = start

    def _answers(self):
        if not self.is_running():
            raise ClusterError(f"ZooKeeper ended:\n{self.log_tail()}")
        try:
            with socket.create_connection((self.host, self.port), 1) as peer:
                peer.sendall(b"ruok")
                return peer.recv(16) == b"imok"
        except OSError:
            return False


class ChatServer(Process):
    """A chat server on a port of the kernel's choice; `address` is known once it listens.

    `program`: presenter-chatd, or presenter-chatd-java, which has the same options."""

    def __init__(self, name, folder, programs, zookeeper=None, weight=None, echo=False,
                 early_data=False, hand_over=False, histories=None, extra=(),
                 listen="127.0.0.1:0", program="presenter-chatd"):
        self.address = None
        command = [os.path.join(programs, program), "--name", name,
                   "--listen", listen]
        command += ["--zookeeper", zookeeper] if zookeeper else []
        command += ["--weight", weight] if weight else []
        command += ["--echo"] if echo else []
        command += ["--early-data"] if early_data else []
        command += ["--hand-over"] if hand_over else []
        command += ["--histories", histories] if histories else []
        super().__init__(name, folder, command + list(extra))

    def start(self):
        super().start()
        match = self.wait_for_line(r"presenter-chatd \S+ listening on (\S+:\d+)")
        self.address = match.group(1)
        return self

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])


def toml(tables):
    """{"listen": {"address": "…"}} as TOML; a list of tables becomes [[name]]."""
    text = ""
    for name, value in tables.items():
        for table in value if isinstance(value, list) else [value]:
            brackets = f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
            # JSON's strings, numbers, booleans and lists of them are TOML's as well.
            lines = [f"{key} = {json.dumps(entry)}" for key, entry in table.items()]
            text += "\n".join([brackets, *lines]) + "\n\n"
    return text


class Metrics:
    """One scrape of /metrics in Prometheus text format."""

    def __init__(self, text):
        self.samples = []
        for line in text.splitlines():
            match = re.match(r'^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)', line)
            if match and not line.startswith("#"):
                labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match.group(2) or ""))
                self.samples.append((match.group(1), labels, float(match.group(3))))

    def metric(self, name, **labels):
        """Sum of the samples called `name` that carry `labels`; KeyError if there is none at all.

        A labelled counter that has not counted yet may be absent: that is 0.
        """
        named = [(its, value) for key, its, value in self.samples if key == name]
        if not named and not labels:
            raise KeyError(name)
        return sum(value for its, value in named if labels.items() <= its.items())

    def by_label(self, name, label):
        return {its[label]: value for key, its, value in self.samples
                if key == name and label in its}


class Gateway(Process):
    """presenter with a configuration of its own; `address` and `admin` are known once it is ready.

    `tables` replaces or adds keys: {"upstream": {"links_per_worker": 2}}.
    """

    def __init__(self, name, folder, programs, certificates, shards, tables=None):
        self.address = self.admin = None
        self.config_path = os.path.join(folder, f"{name}.toml")
        self.tables = {
            "listen": {"address": "127.0.0.1:0"},
            "tls": {"detach_records": os.environ.get("PRESENTER_DETACH_RECORDS") != "false",
                    "certificate": certificates.certificate,
                    "private_key": certificates.private_key},
            "auth": {"parser": "thrift", "method": "authenticate", "key_path": "1.1"},
            "shards": dict(shards),
            "workers": {"count": 1},
            "admin": {"address": "127.0.0.1:0"},
        }
        for table, keys in (tables or {}).items():
            if isinstance(keys, list):  # [[table]]
                self.tables[table] = keys
            else:
                self.tables.setdefault(table, {}).update(keys)
        super().__init__(name, folder, [os.path.join(programs, "presenter"),
                                        "--config", self.config_path])

    def start(self):
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(toml(self.tables))
        super().start()
        match = self.wait_for_line(
            r"presenter ready: listening on (\S+:\d+), admin on (\S+:\d+)")
        self.address, self.admin = match.group(1), match.group(2)
        return self

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def open(self, path, seconds):
        """The answer to a GET on the admin endpoint, which may ask for its token."""
        request = urllib.request.Request(f"http://{self.admin}{path}")
        if "token_file" in self.tables["admin"]:
            with open(self.tables["admin"]["token_file"], encoding="ascii") as file:
                request.add_header("Authorization", "Bearer " + file.read().strip())
        return urllib.request.urlopen(request, timeout=seconds)

    def get(self, path):
        """Status and body of a GET on the admin endpoint."""
        try:
            with self.open(path, 10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def heap_bytes_in_use(self):
        """What it has allocated and not freed."""
        return int(re.search(r"^used_bytes (\d+)$", self.get("/heap")[1], re.M).group(1))

    def metrics(self):
        status, body = self.get("/metrics")
        if status != 200:
            raise ClusterError(f"/metrics answers {status}")
        return Metrics(body)

    def metric(self, name, **labels):
        return self.metrics().metric(name, **labels)

    def zookeeper_session(self):
        """The number of its session with ZooKeeper."""
        return int(re.findall(r"is connected, session (0x[0-9a-f]+)", self.output())[-1], 16)

    def wait_ready(self, seconds=START_SECONDS):
        wait_until(lambda: self.get("/readyz")[0] == 200, seconds, f"{self.name} is ready")


class Cluster:
    """The temporary folder, the certificates and all processes of one installation."""

    def __init__(self, programs):
        self.programs = os.path.abspath(programs)
        self.folder = tempfile.mkdtemp(prefix="presenter-")
        self.processes = []
        self._certificates = None

    def __enter__(self):
        # A signal becomes an exception, so that __exit__ runs.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda received, _frame: sys.exit(128 + received))
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        # A second Ctrl-C must not leave half of them running.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            signal.signal(signal.SIGINT, previous)

    def stop(self):
        """Ends all processes, the last one first; what they wrote stays until `close`."""
        for process in reversed(self.processes):
            process.signal(signal.SIGCONT)
            process.signal(signal.SIGTERM)
        for process in reversed(self.processes):
            process.stop()

    @property
    def certificates(self):
        if self._certificates is None:
            self._certificates = Certificates(self.folder)
        return self._certificates

    def start(self, process):
        self.processes.append(process)
        return process.start()

    def zookeeper(self, host="127.0.0.1"):
        return self.start(ZooKeeper(self.folder, host))

    def chat_server(self, name, **options):
        return self.start(ChatServer(name, self.folder, self.programs, **options))

    def gateway(self, name, shards, tables=None):
        return self.start(Gateway(name, self.folder, self.programs, self.certificates, shards,
                                  tables))

    def static_shards(self, servers, weights=None):
        """A shards.toml naming these chat servers; the [shards] table that points to it.

        `weights`: {name: weight}; 100 for who is not in it."""
        path = os.path.join(self.folder, "shards.toml")
        tables = [{"name": server.name, "host": "127.0.0.1", "port": server.port,
                   "weight": (weights or {}).get(server.name, 100)} for server in servers]
        with open(path, "w", encoding="utf-8") as file:
            file.write(toml({"server": tables}))
        return {"file": path}

    def presenterctl(self, *words):
        """The subprocess.CompletedProcess of `presenterctl words…`."""
        return subprocess.run([os.path.join(self.programs, "presenterctl"), *words], check=False,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def log_tails(self, lines=40):
        return "\n".join(f"---- {process.name} (status {process.child.poll()})\n"
                         f"{process.log_tail(lines)}"
                         for process in self.processes if process.child is not None)
