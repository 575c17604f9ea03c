"""A real name server for tests, and addresses that swallow what is sent to them."""

import os
import socket

from cluster import Process, wait_until

ADDRESS = "127.0.0.53"
START_SECONDS = 60


class NameServer(Process):
    """dnsmasq at 127.0.0.53, in a network of the test's own; `pause` makes every look-up hang.

    `addresses`: {name: [addresses]}. `swallowed`: names for which it asks `silent`, a
    `SilentNameServer`. Other names it does not know."""

    def __init__(self, folder, addresses, swallowed=(), silent=None):
        self.folder = folder
        self.swallowed = [f"--server=/{name}/{silent.address}" for name in swallowed]
        super().__init__("dnsmasq", folder, [])
        self.tell(addresses)

    def tell(self, addresses):
        """From its next start on."""
        records = [f"--host-record={name},{','.join(at)}" for name, at in addresses.items()]
        self.command = [
            "/usr/sbin/dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
            "--no-hosts", "--pid-file", "--user=", "--cache-size=0", "--dns-forward-max=10000",
            "--bind-interfaces", f"--listen-address={ADDRESS}", "--log-facility=-",
            "--local=/test/", *records, *self.swallowed]

    def start(self):
        super().start()
        wait_until(self._answers, START_SECONDS, f"dnsmasq answers\n{self.log_tail()}")
        return self

    def _answers(self):
        question = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\7unknown\4test\0\0\1\0\1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.1)
            try:
                asking.connect((ADDRESS, 53))
                asking.send(question)
                return asking.recv(512).startswith(b"\x12\x34")
            except OSError:
                return False


class SilentNameServer:
    """Takes every question and answers none."""

    def __init__(self, address="127.0.0.54"):
        self.address = address
        self._taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._taken.bind((address, 53))

    def close(self):
        self._taken.close()


class SilentAddress:
    """A TCP address that answers no SYN, as behind a firewall: its queue is full."""

    def __init__(self, address, port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._sockets = [socket.socket(family)]
        self._sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._sockets[0].bind((address, port))
        self._sockets[0].listen(0)
        for _ in range(4):
            waiting = socket.socket(family)
            waiting.setblocking(False)
            waiting.connect_ex((address, port))
            self._sockets.append(waiting)

    def close(self):
        for each in self._sockets:
            each.close()
