"""A TCP forwarder between a gateway and a chat server, which can become a black hole.

To both ends a black hole is what a peer is whose machine lost its power or its network: nothing
comes any more, no FIN, no RST, and what is sent is never answered.
"""

import contextlib
import socket
import threading


class ForwardedLink:
    """One TCP connection through the forwarder: `near` is who connected, `far` who listens."""

    def __init__(self, near, far):
        self.ends = {"near": near, "far": far}
        self.ended_by = set()      # ends that have closed or broken off, by their own doing
        self._silent = False
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._pump, args=names, daemon=True)
                         for names in (("near", "far"), ("far", "near"))]
        for thread in self._threads:
            thread.start()

    def go_silent(self):
        """From here on nothing passes, in either direction, not even an end."""
        with self._changed:
            self._silent = True

    def wait_ended_by(self, end, seconds):
        with self._changed:
            return self._changed.wait_for(lambda: end in self.ended_by, seconds)

    def close(self):
        for sock in self.ends.values():
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for sock in self.ends.values():
            sock.close()

    def on_data(self, source, data):
        """`data` has come from this end, and goes on to the other."""

    def _pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := self.ends[source].recv(65536):
                self.on_data(source, data)
                if not self._silent:
                    self.ends[sink].sendall(data)
        with self._changed:
            self.ended_by.add(source)
            self._changed.notify_all()
            if not self._silent:
                with contextlib.suppress(OSError):
                    self.ends[sink].shutdown(socket.SHUT_WR)


class Forwarder:
    """Stands for `server` in a shard map: `name` and `port` are all that a map needs."""

    link_type = ForwardedLink

    def __init__(self, server):
        self.name, self._target = server.name, server.port
        self.links = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def go_silent(self):
        """Every link that exists is a black hole now; new ones are forwarded."""
        for link in list(self.links):
            link.go_silent()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for link in self.links:
            link.close()

    def _run(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # closed
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()  # as if its own listener were away
                continue
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.links.append(self.link_type(near, far))
