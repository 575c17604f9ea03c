"""deploy/demo --upgrade: while everybody talks, another process takes the place of each gateway's,
several times."""

import json

from cluster import ClusterError

TIMES = 5  # each gateway
SECONDS_MIN = 20


class Upgrades:
    """Of a demo.Demo; its timeline is the demo's."""

    def __init__(self, demo):
        self.demo = demo
        self.silences = []

    def timeline(self):
        count = TIMES * len(self.demo.gateways)
        between = self.demo.options.seconds * 0.8 / count
        return [(between * (number + 1),
                 lambda number=number: self.upgrade(number)) for number in range(count)]

    def upgrade(self, number):
        gateway = self.demo.gateways[number % len(self.demo.gateways)]
        run = self.demo.cluster.presenterctl("gateway", "upgrade", "--gateway", gateway.admin,
                                             "--json")
        if run.returncode != 0:
            raise ClusterError(f"{gateway.name} is not upgraded: {run.stderr}")
        last = json.loads(run.stdout)["gateways"][0]["last"]
        self.silences.append(last["silence_seconds"])
        self.demo.say_event(f"{gateway.name}: another process has {last['clients']} clients, who "
                            f"stood still for {last['silence_seconds'] * 1000:.0f} ms")

    def check(self, disconnects):
        """Raises ClusterError if not all is as it should be."""
        due = TIMES * len(self.demo.gateways)
        if len(self.silences) != due:
            raise ClusterError(f"{len(self.silences)} upgrades of {due}")
        if disconnects:
            raise ClusterError(f"{disconnects} clients were disconnected")
