"""A network namespace of its own for a gateway."""

import subprocess

from processes import Process


def ip(*words):
    subprocess.run(["ip", *words], check=True, stdin=subprocess.DEVNULL)


class Room(Process):
    """A network namespace for one gateway: `near` leads to everything but ZooKeeper, `far` there.

    It lasts as long as its process, which does nothing.
    """

    def __init__(self, number, folder):
        self.number = number
        self.near, self.far = f"10.201.{number}", f"10.202.{number}"
        self.inner_address, self.zookeeper_address = f"{self.near}.2", f"{self.far}.1"
        super().__init__(f"room-{number}", folder,
                         ["unshare", "-n", "sh", "-c", "echo ready; exec sleep infinity"])

    def start(self):
        super().start()
        self.wait_for_line("ready")
        for kind, net in (("near", self.near), ("far", self.far)):
            outer, inner = f"{kind}{self.number}", f"in{kind}{self.number}"
            ip("link", "add", outer, "type", "veth", "peer", "name", inner)
            ip("link", "set", inner, "netns", str(self.pid))
            ip("address", "add", f"{net}.1/30", "dev", outer)
            ip("link", "set", outer, "up")
            self.inside("ip", "address", "add", f"{net}.2/30", "dev", inner)
            self.inside("ip", "link", "set", inner, "up")
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "route", "add", "default", "via", f"{self.near}.1")
        return self

    def enter(self):
        """The words before a command that is to run inside."""
        return ["nsenter", "-t", str(self.pid), "-n", "--"]

    def inside(self, *words):
        subprocess.run([*self.enter(), *words], check=True, stdin=subprocess.DEVNULL)

    def cut(self):
        """From here on what the gateway and ZooKeeper send each other is lost."""
        ip("link", "set", f"far{self.number}", "down")

    def mend(self):
        ip("link", "set", f"far{self.number}", "up")


class OpenSpace:
    """In a room's place where none may be made: all share one network, and nobody is cut off."""

    inner_address = zookeeper_address = "127.0.0.1"

    def __init__(self, number):
        self.number = number

    @staticmethod
    def enter():
        return []
