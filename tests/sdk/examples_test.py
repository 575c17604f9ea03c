#!/usr/bin/env python3
"""The examples behind the real gateway, with TLS clients in front of it."""

import os
import signal
import subprocess
import sys

from chat_client import framed
from client_case import ClientCase
from processes import Process, free_port, main
from tls_client import Alerted

OUTSIDE = os.environ["PRESENTER_OUTSIDE"]
EXAMPLES = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../examples"))


def packet_of(client):
    return client.receive_exactly(int.from_bytes(client.receive_exactly(4), "big"))


class Example(Process):
    """One of the programs; `name` is what it says in its Hello."""

    def __init__(self, name, folder, command):
        self.port = free_port()
        super().__init__(name, folder, [*command, "127.0.0.1", self.port])


# An application for minimal_backend.py: it is done with all bytes at once, answers "what" with many
# bytes later, closes at "close", and has a fault at "fault".
OWN_PROGRAM = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
import minimal_backend

class Program(minimal_backend.Echo):
    def __init__(self, stream):
        super().__init__(stream)
        self.text = b""

    def on_data(self, data):
        self.stream.consume(len(data))
        self.text += data
        if b"close" in self.text:
            self.stream.close()
        elif b"fault" in self.text:
            raise KeyError("a fault")
        elif b"what" in self.text:
            self.text = b""
            asyncio.get_running_loop().call_soon(self.stream.send, bytes(1_000_000))

    def on_sent(self, size):
        pass

asyncio.run(minimal_backend.main(*sys.argv[2:], application=Program))
"""


class FleetMember(Process):
    """One that registers itself in ZooKeeper."""

    def __init__(self, name, folder, program, zookeeper):
        self.port = free_port()
        super().__init__(name, folder, [program, name, "127.0.0.1", self.port, zookeeper])


class Examples(ClientCase):
    def behind_the_gateway(self, name, *command):
        example = Example(name, self.cluster.folder, command)
        self.cluster.start(example)
        self.gateway = self.cluster.gateway("gateway", self.cluster.static_shards([example]))
        self.gateway.wait_ready()
        return example

    def outside(self, name):
        return os.path.join(OUTSIDE, "found", name, name)

    def assert_megabytes_come_back(self, client):
        """Beyond every window, in more and larger pieces than there is credit for."""
        piece = bytes(range(256)) * 256
        for _ in range(64):
            client.send(piece)
            self.assertEqual(client.receive_exactly(len(piece)), piece)

    def assert_is_an_echo(self):
        first, second = self.echo_client("couple-1"), self.echo_client("couple-2")
        self.assert_megabytes_come_back(first)
        self.assert_echoes(second)
        first.finish()
        self.assertEqual(first.receive_to_end(), b"")
        self.assert_echoes(second)

    def test_echo_backend(self):
        self.behind_the_gateway("echo", self.outside("echo_backend"))
        self.assert_is_an_echo()

    def test_minimal_backend_in_python(self):
        self.behind_the_gateway("python", sys.executable, f"{EXAMPLES}/minimal_backend.py")
        self.assert_is_an_echo()

    def test_a_program_in_python_sends_on_its_own_and_ends_one_client_at_a_time(self):
        path = self.path("own_program.py")
        with open(path, "w", encoding="ascii") as file:
            file.write(OWN_PROGRAM)
        program = self.behind_the_gateway("python", sys.executable, path, EXAMPLES)
        answered, closed, faulty = (self.waiting_client(f"couple-{i}") for i in range(3))
        answered.send(b"what")
        closed.send(b"close")
        faulty.send(b"fault")
        for client in (closed, faulty):
            with self.assertRaises(Alerted):
                client.receive()
        # Beyond every window; and the link of all has borne the fault.
        self.assertEqual(answered.receive_exactly(1_000_000), bytes(1_000_000))
        program.wait_for_line("KeyError: 'a fault'")
        self.assertNotIn("a link", program.output())
        self.gateway.stop()
        program.wait_for_line("a link was closed by the gateway")
        self.assertNotIn("has ended", program.output())

    def test_minimal_backend_in_javascript(self):
        self.behind_the_gateway("node", "node", f"{EXAMPLES}/minimal_backend.js")
        self.assert_is_an_echo()

    def test_chat_room(self):
        room = self.behind_the_gateway("chat-room", self.outside("chat_room"))
        ann, other = self.waiting_client("couple-1"), self.waiting_client("couple-2")
        self.wait_until(lambda: room.output().count("comes") == 2, "both are in")
        ben = self.waiting_client("couple-1")
        self.assertEqual(ann.receive_exactly(len(ben.first)), ben.first)
        member = subprocess.Popen(
            [sys.executable, f"{EXAMPLES}/chat_room/member.py", self.gateway.address,
             self.cluster.certificates.authority, "couple-1"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(member.communicate)
        self.addCleanup(member.kill)
        member.stdin.write(b"good evening\n")
        member.stdin.flush()
        for client in (ann, ben):
            self.assertIn(b"couple-1", packet_of(client))
            self.assertEqual(packet_of(client), b"good evening")
        ben.send(framed(b"and you"))
        self.assertEqual(packet_of(ann), b"and you")
        self.assertEqual(member.stdout.readline(), b"and you\n")
        ann.send(framed(b"hello"))
        self.assertEqual(ben.receive_exactly(9), framed(b"hello"))
        other.finish()
        self.assertEqual(other.receive_to_end(), b"")

    def test_one_of_two_rooms_in_a_fleet_leaves(self):
        zookeeper = self.cluster.zookeeper().connect_string
        names = ("chat-a", "chat-b")
        rooms = [self.cluster.start(FleetMember(name, self.cluster.folder,
                                                self.outside("chat_room_fleet"), zookeeper))
                 for name in names]
        self.gateway = self.cluster.gateway("gateway", {"zookeeper": zookeeper})
        self.gateway.wait_ready()
        self.wait_for_servers(self.gateway, names)

        def come(count):
            self.wait_until(lambda: sum(room.output().count(" comes") for room in rooms) == count,
                            f"{count} have come")

        anns = [self.waiting_client(f"couple-{i}") for i in range(8)]
        come(8)
        bens = [self.waiting_client(f"couple-{i}") for i in range(8)]
        come(16)
        for ann, ben in zip(anns, bens):
            self.assertEqual(ann.receive_exactly(len(ben.first)), ben.first)
            ann.send(framed(b"in two parts")[:7])
        leaving, staying = rooms
        leaving.signal(signal.SIGTERM)
        self.assertEqual(leaving.wait(30), 0)
        self.assertRegex(leaving.output(), r"draining: \d+ streams are left\n")
        self.assertIn("drained: no stream is left\n", leaving.output())
        moved = leaving.output().count(" comes")
        self.wait_until(lambda: staying.output().count(" goes on") == moved, "all go on")
        for ann, ben in zip(anns, bens):
            ann.send(framed(b"in two parts")[7:])
            self.assertEqual(packet_of(ben), b"in two parts")
            ben.send(framed(b"and back"))
            self.assertEqual(packet_of(ann), b"and back")
        for client in anns + bens:
            client.tcp.close()
        staying.signal(signal.SIGTERM)
        self.assertEqual(staying.wait(30), 0)


if __name__ == "__main__":
    main()
