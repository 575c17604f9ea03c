"""`deploy/demo --chaos all`: everything that happens to a fleet, under a thousand clients who talk.

Each event ends when its clients are back: all of them served again, and nobody waits for a move.
Who takes longer than the moves' pace and the clients' own connecting allow has failed.
"""

import collections
import contextlib
import time

from cluster import ClusterError, wait_until
from zookeeper_ensemble import Ensemble
from zookeeper_wire import ZooKeeperClient

# Clients a second that a gateway moves: slow enough to be seen.
MOVES_PER_SECOND = 100
# What the clients need besides, when they connect again, on a busy machine.
RETURN_SECONDS = 15
EVENT_SECONDS = 60
SECONDS_MIN = 60


class Chaos:
    """Life: its demo's. `events` in the order in which they happen, evenly spread over the run."""

    def __init__(self, demo):
        self.demo = demo
        self.cluster = demo.cluster
        self.zookeeper = Ensemble(demo.cluster)
        self.where = self.zookeeper.connect_string()
        self.moves_before = None  # when the event began

    def timeline(self):
        events = [self.chat_server_joins, self.leader_is_killed, self.gateway_session_expires,
                  self.chat_server_session_expires, self.chat_server_drains,
                  self.chat_server_crashes]
        gap = self.demo.options.seconds / (len(events) + 1)
        return [((number + 0.5) * gap, event) for number, event in enumerate(events)]

    # --- events

    def chat_server_joins(self):
        with self.clients_back("another chat server joins"):
            self.demo.add_chat_server()
            self.wait_maps(len(self.demo.backends))
            self.wait_moved("rebalanced")

    def leader_is_killed(self):
        with self.clients_back("ZooKeeper's leader: kill -9"):
            leader = self.zookeeper.leader()
            leader.kill()
            self.wait("there is another leader", self.zookeeper.leader)
            leader.start()
            self.zookeeper.wait_whole()
            self.wait("the gateways have their sessions", lambda: all(
                gateway.metric("presenter_zookeeper_connected") for gateway in self.gateways))

    def gateway_session_expires(self):
        gateway = self.gateways[0]
        with self.clients_back(f"{gateway.name}'s session with ZooKeeper expires"):
            session = gateway.zookeeper_session()
            self.zookeeper.end_session(session)
            self.wait("it has another", lambda: gateway.zookeeper_session() != session)

    def chat_server_session_expires(self):
        with self.clients_back("chat-a's session with ZooKeeper expires"):
            owner = self.owner_of("chat-a")
            self.zookeeper.end_session(owner)
            self.wait("it is registered by another",
                      lambda: self.owner_of("chat-a") not in (None, owner))
            self.wait_maps(len(self.demo.backends))

    def chat_server_drains(self):
        with self.clients_back("chat-b drains"):
            self.run_presenterctl("drain", "chat-b", "--zookeeper", self.where)
            self.wait_moved("drained")
            server = self.server("chat-b")
            self.wait("it is empty and ends", lambda: not server.is_running())
            if server.child.returncode != 0:
                raise ClusterError(f"chat-b ended with {server.child.returncode}")
            self.without("chat-b", "which drained")

    def chat_server_crashes(self):
        busy = self.results_of_crashes("crash_in_message")
        with self.clients_back("chat-c: kill -9", is_planned=False):
            self.server("chat-c").kill()
            self.wait_moved("link_lost")
            self.without("chat-c", "which was killed")
        busy = self.results_of_crashes("crash_in_message") - busy
        self.demo.say(f"{busy:.0f} of its clients had a message under way")

    # --- what they are made of

    @property
    def gateways(self):
        return self.demo.gateways

    def server(self, name):
        return next(process for process in self.cluster.processes if process.name == name)

    def without(self, name, end):
        self.demo.ends[name] = end
        self.demo.backends.remove(name)
        self.wait_maps(len(self.demo.backends))

    def wait_maps(self, servers):
        self.wait(f"all maps have {servers} chat servers", lambda: all(
            gateway.metric("presenter_map_backends") == servers for gateway in self.gateways))

    def wait(self, what, predicate):
        return wait_until(predicate, EVENT_SECONDS, what)

    def sum(self, name, **labels):
        """Of all gateways together."""
        return sum(gateway.metric(name, **labels) for gateway in self.gateways)

    def wait_moved(self, cause):
        self.wait(f"clients are moved: {cause}",
                  lambda: self.moves()[cause] > self.moves_before[cause])

    def owner_of(self, name):
        """The session whose entry it is; None: there is no entry."""
        with ZooKeeperClient(self.zookeeper.leader().port) as client:
            path = "/presenter/servers"
            if name not in client.children(path):
                return None
            return client.get(f"{path}/{name}")[1].owner

    def run_presenterctl(self, *words):
        run = self.cluster.presenterctl(*words)
        if run.returncode:
            raise ClusterError(f"presenterctl {' '.join(words)}: {run.stderr or run.stdout}")

    @contextlib.contextmanager
    def clients_back(self, name, is_planned=True):
        """Around what an event does: waits until all clients are served that it has moved.

        What is planned closes nobody."""
        self.demo.say_event(name)
        self.moves_before = self.moves()
        handed_before = self.demo.handed_over()
        began = time.monotonic()
        yield
        wait_until(self.is_everybody_back, EVENT_SECONDS, f"{name}: everybody is back")
        seconds = time.monotonic() - began
        moved = sum(self.moves().values()) - sum(self.moves_before.values())
        closed = moved - (self.demo.handed_over() - handed_before)
        allowed = moved / (MOVES_PER_SECOND * len(self.gateways)) + RETURN_SECONDS
        self.demo.say(f"{moved:.0f} clients have another chat server, {closed:.0f} of them were "
                      f"closed for it; all were served after {seconds:.1f} s")
        if closed > 0 and is_planned:
            raise ClusterError(f"{name}: that closes nobody")
        if seconds > allowed:
            raise ClusterError(f"{name}: that should have taken {allowed:.1f} s at the most")

    def results_of_crashes(self, result):
        return self.sum("presenter_handoffs_total", result=result)

    def moves(self):
        """How many clients have got another chat server so far, by cause."""
        counts = collections.Counter()
        for gateway in self.gateways:
            counts.update(gateway.metrics().by_label("presenter_moves_total", "cause"))
        return counts

    def is_everybody_back(self):
        return (self.sum("presenter_moves_pending") == 0 and self.demo.options.clients
                == self.sum("presenter_clients_open", phase="relaying"))
