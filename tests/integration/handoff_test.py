"""A stream goes from one chat server to another, and its client notices nothing: chat servers join
and are drained one after the other, under clients that talk; no client is closed, and every byte
comes back once and in its order.

PRESENTER_HANDOFF_ROUNDS is the number of chat servers that join and are drained, and
PRESENTER_HANDOFF_CLIENTS that of clients; PRESENTER_SEED says which are chosen.
"""

import os
import random

from client_case import ClientCase
from processes import main

ROUNDS = int(os.environ.get("PRESENTER_HANDOFF_ROUNDS", 4))
CLIENTS = int(os.environ.get("PRESENTER_HANDOFF_CLIENTS", 120))
SEED = int(os.environ.get("PRESENTER_SEED", random.randrange(1 << 32)))


class Talker:
    """An echo client that knows every byte it has sent and not read back."""

    def __init__(self, client, number):
        self.client, self.number, self.sent, self.owed = client, number, 0, b""

    def send(self, size):
        text = b"%d:%d:" % (self.number, self.sent) + b"x" * size + b"\n"
        self.sent += 1
        self.client.send(text)
        self.owed += text

    def check(self, case):
        case.assertEqual(self.client.receive_exactly(len(self.owed)), self.owed)
        self.owed = b""


class HandoffTest(ClientCase):
    def setUp(self):
        super().setUp()
        print(f"PRESENTER_SEED={SEED}")
        self.dice = random.Random(SEED)
        self.zookeeper = self.cluster.zookeeper()
        self.servers = {}
        for name in ("chat-1", "chat-2"):
            self.join(name)
        self.gateway = self.cluster.gateway(
            "gateway", {"zookeeper": self.zookeeper.connect_string}, {"workers": {"count": 2}})
        self.gateway.wait_ready()
        self.wait_for_servers(self.gateway, self.servers)
        self.talkers = [Talker(self.echo_client(f"couple-{number}"), number)
                        for number in range(CLIENTS)]

    def join(self, name):
        self.servers[name] = self.cluster.chat_server(
            name, zookeeper=self.zookeeper.connect_string, echo=True, hand_over=True)

    def handed_over(self):
        return self.gateway.metric("presenter_handoffs_total", result="done")

    def talk_until(self, is_done, what):
        """Clients send and read back, each at its own pace, until it is so."""
        def step():
            for talker in self.dice.sample(self.talkers, 20):
                talker.send(self.dice.choice((0, 10, 3_000)))
            for talker in self.dice.sample(self.talkers, 30):
                talker.check(self)
            return is_done()
        self.wait_until(step, what)

    def test_chat_servers_come_and_go_and_nobody_is_closed(self):
        for number in range(3, 3 + ROUNDS):
            before = self.handed_over()
            self.join(f"chat-{number}")
            self.wait_for_servers(self.gateway, self.servers)
            self.talk_until(lambda before=before: self.handed_over() > before, "some have moved")
            leaving = self.dice.choice(sorted(self.servers))
            server = self.servers.pop(leaving)
            run = self.cluster.presenterctl("drain", leaving, "--zookeeper",
                                            self.zookeeper.connect_string)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.talk_until(lambda server=server: server.child.poll() is not None,
                            f"{leaving} is empty")
        for talker in self.talkers:
            talker.send(1)
            talker.check(self)
        results = self.gateway.metrics().by_label("presenter_handoffs_total", "result")
        self.assertEqual({result: count for result, count in results.items() if count}.keys(),
                         {"done"}, results)
        self.assertEqual(self.gateway.metric("presenter_closes_total"), 0)
        self.assertEqual(self.gateway.metric("presenter_clients_open"), CLIENTS)
        print(f"{CLIENTS} clients, {ROUNDS} chat servers came and as many went: "
              f"{results['done']:.0f} streams handed over, none closed")


if __name__ == "__main__":
    main()
