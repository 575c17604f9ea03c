"""What deploy/demo runs once everything is built: starts the cluster, the clients and the chaos,
and sums up what happened. `deploy/demo --help` lists the options."""

import argparse
import collections
import json
import os
import resource
import subprocess
import sys
import time

import chaos
import scale
import summary
import upgrades
from cluster import Cluster, ClusterError, Process, wait_until

CHAT_SERVERS = ("chat-a", "chat-b", "chat-c")
JAVA_SERVER = "chat-c"  # with --java
JOINING = "chat-d"
GATEWAYS = ("gateway-1", "gateway-2")
OUTAGE_SECONDS = 5
WORKERS = 1
LINKS_PER_WORKER = 1
# In its two minutes the second compiler takes as much of the CPU as the clients do.
JAVA_OPTIONS = "-Xmx256m -XX:TieredStopAtLevel=1"
# Connecting everybody and waiting for the last message, on a slow machine.
LOAD_PATIENCE_SECONDS = 180


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if sys.stdout.isatty() else text


def say(text):
    print(paint("1;36", "▸ ") + text, flush=True)


def event(text):
    print(paint("1;33", "\n⚡ ") + text, flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="deploy/demo")
    parser.add_argument("--clients", type=int,
                        help="two to a couple (1000; with --scale 300 at a time)")
    parser.add_argument("--seconds", type=int, help="of talking (20; with --chaos all 90)")
    parser.add_argument("--chaos", choices=["zookeeper", "all"],
                        help=f"kill -9 ZooKeeper for {OUTAGE_SECONDS} s in the middle; all: "
                        "a chat server joins, drains, is killed, ZooKeeper loses its leader, "
                        "sessions expire")
    parser.add_argument("--scale", action="store_true",
                        help="clients find the gateways by DNS, a real PowerDNS; a gateway joins, "
                        "one is drained, the one that publishes is killed; takes 2 minutes")
    parser.add_argument("--java", action="store_true",
                        help=f"{JAVA_SERVER} is presenter-chatd-java")
    parser.add_argument("--upgrade", action="store_true",
                        help=f"another process takes each gateway's place {upgrades.TIMES} times, "
                        "and no client is disconnected")
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.scale and (options.chaos or options.seconds or options.java):
        parser.error("--scale goes with none of --chaos, --seconds and --java")
    if options.upgrade and (options.scale or options.chaos):
        parser.error("--upgrade goes neither with --scale nor with --chaos")
    if options.scale and options.clients is not None and options.clients < scale.CLIENTS_MIN:
        parser.error(f"--scale needs --clients of at least {scale.CLIENTS_MIN}")
    if options.clients is None:
        options.clients = 300 if options.scale else 1000
    if options.clients < 2 or options.clients % 2:
        parser.error("--clients must be an even number of at least 2")
    if options.seconds is None:
        options.seconds = 90 if options.chaos == "all" else 30 if options.upgrade else 20
    if options.seconds < 1:
        parser.error("--seconds must be at least 1")
    if options.chaos == "all" and options.seconds < chaos.SECONDS_MIN:
        parser.error(f"--chaos all needs --seconds of at least {chaos.SECONDS_MIN}")
    if options.upgrade and options.seconds < upgrades.SECONDS_MIN:
        parser.error(f"--upgrade needs --seconds of at least {upgrades.SECONDS_MIN}")
    if options.chaos and options.seconds < 2 * OUTAGE_SECONDS:
        parser.error(f"--chaos needs --seconds of at least {2 * OUTAGE_SECONDS}")
    return options


class Load(Process):
    """presenter-load chat: its progress line is the terminal's, its summary ours."""

    def __init__(self, name, cluster, gateways, clients, seconds, progress):
        self.clients = clients
        self.report_path = os.path.join(cluster.folder, f"{name}.json")
        command = [os.path.join(cluster.programs, "presenter-load"), "chat",
                   "--clients", clients, "--seconds", seconds, "--json", self.report_path,
                   "--ca", cluster.certificates.authority, "--server-name", "localhost"]
        for gateway in gateways:
            command += ["--gateway", gateway.address]
        super().__init__(name, cluster.folder, command + ([] if progress else ["--no-progress"]))
        self.errors_to = None if progress else subprocess.STDOUT

    def report(self):
        if not os.path.exists(self.report_path):
            raise ClusterError(f"{self.name}: no report, status {self.child.returncode}\n"
                               f"{self.log_tail()}")
        with open(self.report_path, encoding="utf-8") as file:
            return json.load(file)


class Demo:
    """Life: one run. All processes are started by the main thread, which they do not outlive."""

    def __init__(self, cluster, options):
        self.cluster = cluster
        self.options = options
        self.newcomers = None
        self.ends = {}  # of chat servers that have ended: how
        self.clients_seen = self.links_seen = self.handed_seen = None
        self.streams_seen = collections.Counter()
        self.chaos = None
        self.upgrades = upgrades.Upgrades(self) if options.upgrade else None

    def start_cluster(self):
        if self.options.chaos == "all":
            say("ZooKeeper, three servers")
            self.chaos = chaos.Chaos(self)
            self.where = self.chaos.where
        else:
            say("ZooKeeper")
            self.zookeeper = self.cluster.zookeeper()
            self.where = self.zookeeper.connect_string
        say(f"chat servers {', '.join(CHAT_SERVERS)}"
            + (f", {JAVA_SERVER} in Java" if self.options.java else ""))
        self.backends = list(CHAT_SERVERS)
        for name in CHAT_SERVERS:
            self.start_chat_server(name)
        say(f"gateways {', '.join(GATEWAYS)}")
        tables = {"workers": {"count": WORKERS},
                  "upstream": {"links_per_worker": LINKS_PER_WORKER},
                  "moves": {"streams_per_second": chaos.MOVES_PER_SECOND}}
        shards = {"zookeeper": self.where, "remove_dead": True}
        self.gateways = [self.cluster.gateway(name, shards, tables) for name in GATEWAYS]
        wait_until(lambda: self.links() == self.links_expected(), 60, "all links are up")

    def start_chat_server(self, name):
        """What couples say is in a folder that all see, so streams go from one to another."""
        is_java = self.options.java and name == JAVA_SERVER
        self.cluster.chat_server(name, zookeeper=self.where,
                                 histories=os.path.join(self.cluster.folder, "histories"),
                                 program="presenter-chatd" + ("-java" if is_java else ""))

    def handed_over(self):
        """How many streams have got another chat server, and their clients noticed nothing."""
        return sum(gateway.metric("presenter_handoffs_total", result=result)
                   for gateway in self.gateways for result in ("done", "crash_done"))

    def links(self):
        return sum(gateway.metric("presenter_links_up") for gateway in self.gateways)

    def links_expected(self):
        return LINKS_PER_WORKER * WORKERS * len(self.backends) * len(self.gateways)

    def timeline(self):
        """(second, what happens then), in order."""
        half, last = self.options.seconds / 2, self.options.seconds * 0.95
        if self.upgrades:
            return self.upgrades.timeline() + [(last, self.take_sample)]
        if self.chaos:
            return self.chaos.timeline() + [(last, self.take_sample)]
        outage = []
        if self.options.chaos == "zookeeper":
            outage = [(half - OUTAGE_SECONDS, self.kill_zookeeper), (half, self.restart_zookeeper)]
        return outage + [(half, self.welcome_newcomers), (last, self.take_sample)]

    def kill_zookeeper(self):
        event(f"kill -9 ZooKeeper, for {OUTAGE_SECONDS} s")
        self.zookeeper.kill()

    def restart_zookeeper(self):
        event("ZooKeeper is started again on its data")
        self.zookeeper.restart()

    def say_event(self, text):
        event(text)

    def say(self, text):
        say(text)

    def add_chat_server(self):
        self.start_chat_server(JOINING)
        self.backends.append(JOINING)
        wait_until(lambda: self.links() == self.links_expected(), 60, "the fourth has its links")

    def welcome_newcomers(self):
        event(f"{JOINING} joins")
        self.add_chat_server()
        count = max(self.options.clients // 10 // 2 * 2, 2)
        event(f"{count} newcomers, who find {JOINING} on the ring")
        self.newcomers = self.start_load("newcomers", count, self.options.seconds / 4)

    def take_sample(self):
        """While everybody is there: at the end the links stay, the streams go."""
        self.clients_seen = [gateway.metric("presenter_clients_open") for gateway in self.gateways]
        self.links_seen, self.handed_seen = self.links(), self.handed_over()
        for gateway in self.gateways:
            for server in json.loads(gateway.get("/shards")[1])["servers"]:
                self.streams_seen[server["name"]] += server["streams"]

    def run_load(self):
        """Exit status and reports of presenter-load: first everybody, then the newcomers."""
        say(f"{self.options.clients} clients for {self.options.seconds} s")
        load = self.start_load("everybody", self.options.clients, self.options.seconds)
        self.wait_all_served(load)
        self.follow(load)
        loads = [load] + ([self.newcomers] if self.newcomers else [])
        statuses = [each.wait(self.options.seconds + LOAD_PATIENCE_SECONDS) for each in loads]
        return max(map(abs, statuses)), [each.report() for each in loads]

    def start_load(self, name, clients, seconds):
        return self.cluster.start(Load(name, self.cluster, self.gateways, clients, seconds,
                                       progress=name == "everybody"))

    def wait_all_served(self, load):
        """The seconds of load begin when the last client is served."""
        wait_until(lambda: not load.is_running() or load.clients == sum(
            gateway.metric("presenter_clients_open", phase="relaying")
            for gateway in self.gateways), LOAD_PATIENCE_SECONDS, "every client is served")

    def follow(self, load):
        """Does what the timeline says until the load ends."""
        started = time.monotonic()
        for second, happen in self.timeline():
            try:
                load.child.wait(max(started + second - time.monotonic(), 0))
                return
            except subprocess.TimeoutExpired:
                happen()


def print_summary(demo, reports):
    """What a person wants to know; raises ClusterError if it is not as it should be."""
    lines, adds_up = summary.messages(reports, demo.ends)
    latency = reports[0]["latency_us"]
    disconnects = sum(report["disconnects"] for report in reports)
    handed = "?" if demo.handed_seen is None else f"{demo.handed_seen:.0f}"
    lines += [summary.row("sender to partner, p50", f"{latency['p50'] / 1000:.1f} ms"),
              summary.row("sender to partner, p99", f"{latency['p99'] / 1000:.1f} ms"),
              summary.row("streams handed over, unnoticed", handed),
              summary.row("clients disconnected", disconnects)]
    if demo.upgrades:
        lines += [summary.row("upgrades", len(demo.upgrades.silences)),
                  summary.row("clients stood still, longest",
                              f"{max(demo.upgrades.silences, default=0) * 1000:.0f} ms"),
                  summary.row("longest wait for a message", f"{latency['max'] / 1000:.0f} ms")]
    print("\n" + paint("1", "Summary"))
    print("\n".join(lines))
    print(paint("1", "Streams per chat server"))
    for server in demo.backends:
        print(f"  {server:<28}{demo.streams_seen[server]:>12}")
    print(paint("1", "Links"))
    formula = (f"{LINKS_PER_WORKER} per worker × {WORKERS} worker × {len(demo.backends)} "
               f"chat servers × {len(demo.gateways)} gateways")
    clients = "?" if demo.clients_seen is None else f"{sum(demo.clients_seen):.0f}"
    links = "?" if demo.links_seen is None else f"{demo.links_seen:.0f}"
    print(f"  {links} for {clients} clients; {formula} = {demo.links_expected()}", flush=True)
    if demo.upgrades:
        demo.upgrades.check(disconnects)
    elif disconnects and not demo.chaos and not demo.options.java:
        raise ClusterError(f"{disconnects} clients were disconnected: a chat server that joins "
                           "closes nobody")
    if not adds_up:
        raise ClusterError("the fates of the messages do not add up to those that were sent")
    if demo.links_seen is not None and demo.links_seen != demo.links_expected():
        raise ClusterError("the number of links is not what it should be")


def run_demo(cluster, options):
    """Exit status."""
    demo = Demo(cluster, options)
    demo.start_cluster()
    status, reports = demo.run_load()
    print_summary(demo, reports)
    return status


def run_scale(cluster, options):
    """Exit status. Ends with a ClusterError if anything is not as it should be."""
    in_a_wave = max(options.clients // (scale.STAY_SECONDS // scale.WAVE_SECONDS) // 2 * 2, 2)
    run = scale.Scale(cluster, in_a_wave, say, event)
    scale.print_summary(run, run.run())
    return 0


def main():
    options = arguments()
    os.environ.setdefault("JAVA_OPTS", JAVA_OPTIONS)
    # A descriptor for each client, in the load as well as in a gateway.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Cluster(options.programs) as cluster:
        try:
            status = (run_scale if options.scale else run_demo)(cluster, options)
            print(paint("1;32", "all is well") if status == 0 else paint("1;31", "FAILED"))
            return status
        except ClusterError as error:
            print(f"deploy/demo: {error}\n{cluster.log_tails(15)}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\ndeploy/demo: interrupted", file=sys.stderr)
            return 130


if __name__ == "__main__":
    sys.exit(main())
