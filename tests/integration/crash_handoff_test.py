"""kill -9 of a chat server whose clients have their state deposited at the gateway: only who had a
message under way is closed, the others go on at the next owner and every byte is compared.

PRESENTER_CRASH_CLIENTS is the number of clients, and PRESENTER_CRASH_SETTLE the chat servers'
--settle-seconds; PRESENTER_SEED says who talks when. The pauses are printed, not asserted.
"""

import os
import random
import time

from client_case import ClientCase
from mux_peer import connect
from processes import main
from ring import Ring
from tls_client import Truncated

CLIENTS = int(os.environ.get("PRESENTER_CRASH_CLIENTS", 100))
SETTLE = os.environ.get("PRESENTER_CRASH_SETTLE", "0.7")
SEED = int(os.environ.get("PRESENTER_SEED", random.randrange(1 << 32)))
NAMES = ("chat-1", "chat-2", "chat-3")
MID_MESSAGE = 5


class Talker:
    """An echo client that knows every byte it has sent and not read back."""

    def __init__(self, client, key):
        self.client, self.key, self.sent, self.owed = client, key, 0, b""

    def send(self, size=10):
        text = b"%s:%d:" % (self.key.encode(), self.sent) + b"x" * size + b"\n"
        self.sent += 1
        self.client.send(text)
        self.owed += text

    def check(self, case):
        """False: it was closed, with nothing received that was not owed."""
        try:
            while self.owed:
                got = self.client.receive(len(self.owed))
                case.assertTrue(got, f"{self.key}: a clean end in the middle of a message")
                case.assertTrue(self.owed.startswith(got), self.key)
                self.owed = self.owed[len(got):]
        except Truncated:
            return False
        return True


    def goes_on(self, case):
        """False: it was closed, though nothing was owed."""
        try:
            self.send()
            return self.check(case)
        except OSError:
            return False


class CrashHandoffTest(ClientCase):
    def start(self, removes_dead):
        print(f"PRESENTER_SEED={SEED}")
        self.dice = random.Random(SEED)
        self.zookeeper = self.cluster.zookeeper()
        self.servers = {name: self.cluster.chat_server(
            name, zookeeper=self.zookeeper.connect_string, echo=True, hand_over=True,
            extra=("--settle-seconds", SETTLE)) for name in NAMES}
        self.gateway = self.cluster.gateway(
            "gateway", {"zookeeper": self.zookeeper.connect_string, "remove_dead": removes_dead},
            {"workers": {"count": 2}})
        self.gateway.wait_ready()
        self.wait_for_servers(self.gateway, NAMES)
        keys = [f"couple-{number}" for number in range(CLIENTS)]
        self.talkers = [Talker(self.echo_client(key), key) for key in keys]
        self.dying = self.dice.choice(NAMES)
        ring = Ring(NAMES)
        self.theirs = [one for one in self.talkers if ring.owner(one.key) == self.dying]
        self.dice.shuffle(self.theirs)
        self.assertGreater(len(self.theirs), 2 * MID_MESSAGE, "the keys reach every server")
        for _ in range(5):
            self.talk(self.dice.sample(self.talkers, CLIENTS // 5))
        # What it deposits, it writes behind its echoes, and before it answers somebody new.
        link = connect(self.servers[self.dying].port)
        link.ping(1)
        link.close()

    def talk(self, talkers):
        for talker in talkers:
            talker.send(self.dice.choice((0, 10, 3_000)))
        for talker in talkers:
            self.assertTrue(talker.check(self), talker.key)

    def results(self):
        counted = self.gateway.metrics().by_label("presenter_handoffs_total", "result")
        return {result: count for result, count in counted.items() if count}

    def kill(self):
        """Kills the server; its clients say something, and are served again or closed. Returns
        those who were closed."""
        quiet = [one for one in self.theirs if not one.owed]
        killed_at = time.monotonic()
        self.servers.pop(self.dying).kill()
        for talker in quiet:
            talker.send()
        others = [one for one in self.talkers if one not in self.theirs]
        self.talk(others)  # nobody else notices anything
        served_at = []
        for talker in quiet:
            self.assertTrue(talker.check(self), f"{talker.key} had no message under way")
            served_at.append(time.monotonic() - killed_at)
        # What was echoed to the end may not have been deposited any more.
        closed = [one for one in self.theirs
                  if one not in quiet and not (one.check(self) and one.goes_on(self))]
        print(f"{len(self.theirs)} clients of a killed server: {len(quiet)} had said nothing and "
              f"are served again after {served_at[0]:.2f} to {served_at[-1]:.2f} s "
              f"(settle {SETTLE} s); of {len(self.theirs) - len(quiet)} with a message under way "
              f"{len(closed)} were closed")
        return closed

    def check_books(self, closed):
        kept = len(self.theirs) - len(closed)
        expected = {"crash_done": kept, "crash_in_message": len(closed)}
        self.assertEqual(self.results(), {name: n for name, n in expected.items() if n})
        self.assertEqual(self.gateway.metric("presenter_closes_total"), len(closed))
        self.assertEqual(self.gateway.metric("presenter_closes_total", reason="link_lost"),
                         len(closed))
        left = [one for one in self.talkers if one not in closed]
        for _ in range(3):
            self.talk(left)
        self.assertEqual(self.gateway.metric("presenter_crashes_waiting"), 0)

    def test_an_upgrade_waits_for_those_who_wait(self):
        self.start(removes_dead=True)
        self.servers.pop(self.dying).kill()
        self.wait_until(lambda: self.gateway.metric("presenter_crashes_waiting") > 0,
                        "they wait for the next owner")
        run = self.cluster.presenterctl("gateway", "upgrade", "--gateway", self.gateway.admin)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.talk(self.talkers)
        self.check_books([])
        self.assertEqual(self.gateway.metric("presenter_upgrades_total", result="done"), 1)

    def test_a_gateway_that_removes_the_dead(self):
        self.start(removes_dead=True)
        # It takes no byte any more, so these are under way for sure.
        self.servers[self.dying].pause()
        to_backend = self.gateway.metric("presenter_relayed_bytes_total", direction="to_backend")
        under_way = self.theirs[:MID_MESSAGE]
        for talker in under_way:
            talker.send()
        sent = sum(len(talker.owed) for talker in under_way)
        self.wait_until(lambda: self.gateway.metric("presenter_relayed_bytes_total",
                                                    direction="to_backend") == to_backend + sent,
                        "the gateway has passed it on")
        closed = self.kill()
        self.assertEqual(closed, under_way)
        self.check_books(closed)
        self.assertEqual(self.gateway.metric("presenter_dead_backends_total", result="removed"), 1)

    def test_a_gateway_that_waits_for_the_session(self):
        self.start(removes_dead=False)
        for talker in self.theirs[:MID_MESSAGE]:
            talker.send()  # some of them may be echoed before the kill
        self.check_books(self.kill())
        self.assertEqual(self.gateway.metric("presenter_dead_backends_total"), 0)


if __name__ == "__main__":
    main()
