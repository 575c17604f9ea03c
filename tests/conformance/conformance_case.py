"""Test cases around the Python peer: in front of the real SDK, and behind the real gateway."""

import os
import unittest

from chat_client import authenticate_message, framed
from client_case import ClientCase
from mux_peer import Backend, connect
from processes import PROGRAMS, WatchedCluster


class PeerCase(ClientCase):
    """Ends every link of the test; whatever the other side did against the specification fails."""

    def setUp(self):
        super().setUp()
        self.links, self.backends = [], []
        self.addCleanup(self._close_links)

    def link_to(self, server, **hello):
        link = connect(server.port, **hello)
        self.links.append(link)
        return link

    def _close_links(self):
        for backend in self.backends:
            backend.close()
            self.links += backend.links
        for link in self.links:
            link.close()
        for link in self.links:
            self.assertEqual((link.violations, link.fault), ([], None), str(link))


# Which SDK is in front of the peer: ctest runs the same tests over all of them.
CHATD = os.environ.get("PRESENTER_CHATD", "presenter-chatd")
IS_JAVA = CHATD == "presenter-chatd-java"

# A JVM takes a second to start, so those of a test program are started once, by their options.
_shared = {}


def shared_server(name, options):
    key = (name, *sorted(options.items()))
    if key not in _shared or not _shared[key].is_running():
        if "cluster" not in _shared:
            _shared["cluster"] = WatchedCluster(PROGRAMS)
            unittest.addModuleCleanup(_shared["cluster"].close)
        _shared[key] = _shared["cluster"].chat_server(name, program=CHATD, **options)
    return _shared[key]


class SdkCase(PeerCase):
    """A gateway in Python in front of presenter-chatd; `bystander` is a link that must not notice
    what happens on others."""

    echo = True
    hand_over = False

    def chat_server(self, name, **options):
        if IS_JAVA:
            return shared_server(name, options)
        return self.cluster.chat_server(name, program=CHATD, **options)

    def setUp(self):
        super().setUp()
        self.server = self.chat_server("chat-a", echo=self.echo, hand_over=self.hand_over)
        self.bystander = self.link()
        if self.echo:
            self.beside = self.bystander.open(b"beside")

    def link(self, **hello):
        return self.link_to(self.server, **hello)

    def assert_link_error(self, link, error):
        """It says GoAway with this reason, and closes."""
        self.assertEqual(link.wait_go_away().reason, error, str(link))
        link.wait_closed()

    def assert_serving(self):
        """The bystander's stream and new links go on."""
        for stream in (self.beside, self.link().open(b"after")):
            stream.send(b"still here")
            self.assertEqual(stream.receive_exactly(10), b"still here")


class GatewayCase(PeerCase):
    """Backends in Python behind the real gateway, TLS clients in front of it."""

    def installation(self, *backends, **upstream):
        """The gateway, with a link to each of these backends."""
        self.backends += backends
        gateway = self.cluster.gateway("gateway", self.cluster.static_shards(backends),
                                       {"upstream": {"opening_timeout": "20s", **upstream}})
        gateway.wait_ready()
        for backend in backends:
            backend.wait_link()
        self.gateway = gateway
        return gateway

    def backend(self, on_open=None, **hello):
        return Backend(on_open=on_open, **hello)

    def opened(self, backend, number=1, link=0):
        """The stream of that number, at the backend."""
        return backend.wait_link(link).wait_stream(number)


def first_packet(couple="couple"):
    return framed(authenticate_message(couple, "ann"))
