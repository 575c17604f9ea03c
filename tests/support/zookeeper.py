"""A ZooKeeper of a test's own: `with ZooKeeperServer() as zookeeper: …`.

The process is deploy/cluster.py's, which the demonstration runs as well; what is added here is a
temporary folder. start, stop, kill (SIGKILL), restart (same port, same data), pause and resume
(SIGSTOP, SIGCONT) are inherited; `connect_string` is "127.0.0.1:port".
"""

import tempfile

from processes import ZooKeeper


class ZooKeeperServer(ZooKeeper):
    """Life: created stopped; its folder goes with stop() at the end of the `with` block."""

    def __init__(self):
        self._temporary = tempfile.TemporaryDirectory(prefix="presenter-zookeeper-")
        super().__init__(self._temporary.name)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.stop()
        self._temporary.cleanup()
