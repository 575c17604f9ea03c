"""What an installation was doing in the last minute: a line a second of the gateway's streams and
of the time that each process ran, and waited for a processor. For tests that take minutes and fail
by what was a moment ago: a backend that stood still is told from a machine that was busy.
"""

import collections
import os
import time

SECONDS_BETWEEN = 1
LINES_KEPT = 60

GAUGES = (("epoch", "presenter_map_epoch", {}), ("links", "presenter_links_up", {}),
          ("silent", "presenter_links_suspect", {}),
          *((phase, "presenter_clients_open", {"phase": phase})
            for phase in ("relaying", "handing_over", "opening", "stranded")),
          ("waiting", "presenter_opens_waiting", {}),
          ("pending", "presenter_handoffs_pending", {}),
          ("done", "presenter_handoffs_total", {"result": "done"}))


class FlightRecorder:
    """Confined to the test's thread, which calls `look` whenever it waits."""

    def __init__(self, gateway, processes):
        """`processes`: a list that may grow; those that run are looked at."""
        self.gateway, self.processes = gateway, processes
        self.lines = collections.deque(maxlen=LINES_KEPT)
        self.times, self.looked_at = {}, 0.0

    def look(self):
        """Returns the gateway's metrics once a second, and else nothing."""
        now = time.monotonic()
        if now < self.looked_at + SECONDS_BETWEEN:
            return None
        page = self.gateway.metrics()
        self.lines.append(" ".join([time.strftime("%T"), f"load {os.getloadavg()[0]:.1f}",
                                    *(f"{name} {page.metric(metric, **labels):.0f}"
                                      for name, metric, labels in GAUGES),
                                    "|", *self._uses(now - self.looked_at)]))
        self.looked_at = now
        return page

    def _uses(self, seconds):
        """Of each process: % of the time that it ran, % that it waited to run, and its state."""
        before, self.times = self.times, {}
        for process in self.processes:
            try:
                self.times[process.pid] = times_of(process.pid)
                state = state_of(process.pid)
            except (AttributeError, OSError):  # not started yet, or over
                continue
            ran, waited = (100 * (now - then) / seconds for now, then in
                           zip(self.times[process.pid], before.get(process.pid, (0, 0))))
            if process.pid in before:
                yield f"{process.name} {ran:.0f}/{waited:.0f} {state}"

    def __str__(self):
        return "\n".join(["clock, the gateway's streams | % run/% waited to run, state",
                          *self.lines])


def times_of(pid):
    """Seconds that the threads of a process have run, and have waited for a processor."""
    times = [0.0, 0.0]
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            for i, nanoseconds in enumerate(file.read().split()[:2]):
                times[i] += int(nanoseconds) / 1e9
    return times


def state_of(pid):
    """Of the first thread: R, S, D …, and where in the kernel it sleeps."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        state = file.read().rpartition(")")[2].split()[0]
    with open(f"/proc/{pid}/wchan", encoding="ascii") as file:
        return f"{state} {file.read()}"
