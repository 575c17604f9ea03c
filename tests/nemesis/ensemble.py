"""Three ZooKeeper servers that vote, and gateways with a network namespace of their own each."""

import os
import socket
import subprocess

from processes import Process, ZooKeeper, free_port, wait_until


class Member(ZooKeeper):
    """One server of the ensemble; data and ports stay the same over kill and restart."""

    def __init__(self, number, folder, votes):
        # pylint: disable=super-init-not-called
        self.number = number
        self.port = free_port()
        self.data = os.path.join(folder, f"zookeeper-{number}")
        os.makedirs(self.data)
        with open(os.path.join(self.data, "myid"), "w", encoding="ascii") as file:
            file.write(str(number))
        servers = "".join(f"server.{each}=127.0.0.1:{first}:{second}\n"
                          for each, (first, second) in votes.items())
        config = os.path.join(folder, f"zoo-{number}.cfg")
        with open(config, "w", encoding="ascii") as file:
            file.write(f"tickTime=500\ninitLimit=20\nsyncLimit=6\nminSessionTimeout=1000\n"
                       f"maxSessionTimeout=60000\ndataDir={self.data}\nclientPort={self.port}\n"
                       f"maxClientCnxns=0\nadmin.enableServer=false\n"
                       f"4lw.commands.whitelist=ruok,srvr\n{servers}")
        Process.__init__(self, f"zookeeper-{number}", folder, [
            "/usr/bin/java", "-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-Dzookeeper.jmx.log4j.disable=true", "-Dzookeeper.forceSync=no",
            "-cp", self.CLASS_PATH, "org.apache.zookeeper.server.quorum.QuorumPeerMain", config])

    def start(self):
        return Process.start(self)

    def mode(self):
        """"leader", "follower" or, without a quorum or an answer, None."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as peer:
                peer.sendall(b"srvr")
                answer = b""
                while more := peer.recv(4096):
                    answer += more
        except OSError:
            return None
        for line in answer.decode().splitlines():
            if line.startswith("Mode: "):
                return line[6:]
        return None


class Ensemble:
    def __init__(self, cluster, size=3):
        votes = {number: (free_port(), free_port()) for number in range(1, size + 1)}
        self.members = [cluster.start(Member(number, cluster.folder, votes)) for number in votes]
        self.wait_whole()

    def connect_string(self, host="127.0.0.1"):
        return ",".join(f"{host}:{member.port}" for member in self.members) + "/presenter"

    def leader(self):
        """Its member; waits until there is one."""
        return wait_until(lambda: next((member for member in self.members
                                        if member.mode() == "leader"), None), 60, "a leader")

    def followers(self):
        leader = self.leader()
        return [member for member in self.members if member is not leader]

    def wait_whole(self):
        wait_until(lambda: sorted(str(member.mode()) for member in self.members)
                   == ["follower", "follower", "leader"], 90, "all of ZooKeeper serves")


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
