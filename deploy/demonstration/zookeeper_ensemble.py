"""Three ZooKeeper servers that vote."""

import contextlib
import os
import random
import signal
import socket

from cluster import ClusterError, Process, ZooKeeper, free_port, wait_until
from zookeeper_wire import SESSION_EXPIRED, Refused, ZooKeeperClient

ATTEMPTS = 20


class Member(ZooKeeper):
    """One server of the ensemble; data and ports stay the same over kill and restart."""

    def __init__(self, number, folder, votes):
        # pylint: disable=super-init-not-called
        self.number = number
        self.host = "127.0.0.1"
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
            # Who finds no leader asks again after this long; by itself it waits up to a minute.
            "-Dzookeeper.fastleader.maxNotificationInterval=1000",
            # Each question for its mode would be a line.
            "-Dorg.slf4j.simpleLogger.log.org.apache.zookeeper.server.NIOServerCnxn=warn",
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

    def account(self):
        """The trouble its log tells of, and what its threads do if it runs and does not serve."""
        mode = self.mode()
        if mode is None and self.is_running():
            self.signal(signal.SIGQUIT)  # a JVM prints that
            with contextlib.suppress(ClusterError):
                wait_until(lambda: "Full thread dump" in self.output(), 5, "it is printed")
        trouble = [line for line in self.output().splitlines()
                   if "ERROR" in line or "Exception" in line]
        return "\n".join([f"---- {self.name}, {mode}", *trouble[:40],
                          self.log_tail(60 if mode else 400)])


class Ensemble:
    def __init__(self, cluster, size=3):
        votes = {number: (free_port(), free_port()) for number in range(1, size + 1)}
        self.members = [cluster.start(Member(number, cluster.folder, votes)) for number in votes]
        self.wait_whole()

    def end_session(self, session, rng=random):
        """By force: somebody who has its password closes it, and its owner learns of it."""
        for _ in range(ATTEMPTS):
            try:
                with ZooKeeperClient(rng.choice(self.members).port, session):
                    return
            except ConnectionError:
                continue  # its owner was faster, and has taken it to another server
            except Refused as error:
                if error.code == SESSION_EXPIRED:
                    return
                raise
        raise ClusterError(f"session {session:#x} cannot be ended")

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
        def is_whole():
            for member in self.members:
                if not member.is_running():
                    raise ClusterError(f"{member.name} has ended")
            return (sorted(str(member.mode()) for member in self.members)
                    == ["follower", "follower", "leader"])
        try:
            wait_until(is_whole, 90, "all of ZooKeeper serves")
        except ClusterError as error:
            accounts = "\n".join(member.account() for member in self.members)
            raise ClusterError(f"{error}\n{accounts}") from None
