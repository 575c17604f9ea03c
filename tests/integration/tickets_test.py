"""Session tickets across the fleet: a client resumes at a gateway that it has never met, across a
rotation of the keys and across a gateway's restart; who shares no keys says so."""

import os
import ssl

from chat_client import framed
from client_case import ClientCase
from processes import main

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
# Strict binary: a call of "x", sequence 1, without arguments.
UNKNOWN_CALL = b"\x80\x01\x00\x01\x00\x00\x00\x01x\x00\x00\x00\x01\x00"
ELSEWHERE = "presenter_handshakes_resumed_elsewhere_total"


class TicketsTest(ClientCase):
    zookeeper = None

    def start_gateway(self, number, identity, tls=None):
        shards = {"zookeeper": self.zookeeper.connect_string}
        if identity:
            shards["zookeeper_auth_file"] = self.write_private(f"auth-{number}", identity)
        return self.cluster.gateway(f"gateway-{number}", shards,
                                    {"tls": tls or {}, "workers": {"count": 2}})

    def start_two(self, tls=None):
        """ZooKeeper and two gateways that share keys in it."""
        self.zookeeper = self.cluster.zookeeper()
        gateways = [self.start_gateway(number, b"gateway:secret\n", tls) for number in (0, 1)]
        for gateway in gateways:
            self.wait_origin(gateway, "zookeeper")
        return gateways

    def wait_origin(self, gateway, origin):
        self.wait_until(lambda: gateway.metric("presenter_ticket_key_origin", origin=origin) == 1,
                        f"{gateway.name} seals with keys of origin {origin}")

    def call(self, gateway, version, earlier=None):
        """One client: whether it resumed, and itself, with the ticket it got."""
        with self.tls_client(gateway, version=version, resume=earlier) as client:
            # Tickets of TLS 1.3 come after the handshake, with the first thing that is read: here
            # the answer to an unknown method, and a clean end, else OpenSSL drops the session.
            client.send(framed(UNKNOWN_CALL))
            self.assertNotEqual(client.receive_to_end(), b"")
            client.finish()
        return client.tls.session_reused, client

    def assert_resumes(self, gateway, version, earlier):
        resumed, client = self.call(gateway, version, earlier)
        self.assertTrue(resumed, f"{version.name} at {gateway.name}")
        return client

    def assert_full(self, gateway, version, earlier=None):
        resumed, client = self.call(gateway, version, earlier)
        self.assertFalse(resumed, f"{version.name} at {gateway.name}")
        return client

    def test_a_client_resumes_at_a_gateway_it_has_never_met(self):
        one, other = self.start_two()
        for version in VERSIONS:
            first = self.assert_full(one, version)
            self.assert_resumes(other, version, first)
        self.assertEqual(one.metric(ELSEWHERE), 0)
        self.wait_until(lambda: other.metric(ELSEWHERE) == 2, "both are counted")
        self.assertEqual(other.metric("presenter_handshakes_total", kind="resumed"), 2)
        self.assertEqual(other.metric("presenter_tickets_total", event="current_key"), 2)

        # The client goes back, with the ticket that the other one gave it.
        for version in VERSIONS:
            first = self.assert_full(one, version)
            moved = self.assert_resumes(other, version, first)
            self.assert_resumes(one, version, moved)
        for gateway in (one, other):
            self.assertNotIn("secret", gateway.output())

    def test_across_rotations_and_a_restart(self):
        one, other = self.start_two({"ticket_rotation": "8s", "ticket_lifetime": "360s"})
        first = {version: self.assert_full(one, version) for version in VERSIONS}
        latest = dict(first)

        def rotations():
            return sum(gateway.metric("presenter_ticket_key_rotations_total")
                       for gateway in (one, other))

        # Back and forth while the keys change under it: never a full handshake.
        begun = rotations()

        def there_and_back():
            for version in VERSIONS:
                for gateway in (other, one):
                    latest[version] = self.assert_resumes(gateway, version, latest[version])
            return rotations() >= begun + 3
        self.wait_until(there_and_back, "three rotations")
        self.assertGreater(other.metric("presenter_tickets_total", event="old_key")
                           + one.metric("presenter_tickets_total", event="old_key"), 0)

        one.kill()
        for version in VERSIONS:
            latest[version] = self.assert_resumes(other, version, latest[version])
        one.start()
        self.wait_origin(one, "zookeeper")
        for version in VERSIONS:
            self.assert_resumes(one, version, first[version])
            self.assert_resumes(one, version, latest[version])
        self.assertGreater(one.metric(ELSEWHERE), 0)

    def test_without_zookeeper_the_keys_go_on(self):
        one, other = self.start_two()
        first = {version: self.assert_full(one, version) for version in VERSIONS}
        self.zookeeper.kill()
        for gateway in (one, other):
            self.wait_until(lambda gateway=gateway:
                            gateway.metric("presenter_zookeeper_connected") == 0, "it is noticed")
        for version in VERSIONS:
            self.assert_resumes(other, version, first[version])
            self.assert_resumes(one, version, self.assert_full(other, version))

    def test_who_does_not_share_keys_says_so(self):
        one, _ = self.start_two()
        other = self.start_gateway(2, None)
        stranger = self.start_gateway(3, b"gateway:guess")
        for gateway in (other, stranger):
            gateway.wait_for_line(r"warning .*this gateway's own random keys")
            self.wait_origin(gateway, "random")
        stranger.wait_for_line(r"error .*secret_denied")
        self.assertGreater(stranger.metric("presenter_ticket_key_refusals_total"), 0)
        self.assertNotIn("guess", stranger.output())
        for version in VERSIONS:
            first = self.assert_full(one, version)
            self.assert_full(other, version, first)
            self.assert_full(stranger, version, first)
            self.assert_resumes(one, version, first)
            self.assert_resumes(other, version, self.assert_full(other, version))
        self.assertGreater(other.metric("presenter_tickets_total", event="unknown_key"), 0)

    def test_a_key_file_is_enough(self):
        [server] = self.chat_servers(["chat-a"])
        shards = self.cluster.static_shards([server])
        old, new = os.urandom(80), os.urandom(80)
        gateways = [self.cluster.gateway(f"gateway-{number}", shards, {
            "tls": {"ticket_key_file": self.write_private(f"keys-{number}", content)}})
            for number, content in enumerate((old, old + new, new + old))]
        for gateway in gateways:
            self.wait_origin(gateway, "file")
            self.assertNotIn("random keys", gateway.output())
        for version in VERSIONS:
            first = self.assert_full(gateways[0], version)
            moved = self.assert_resumes(gateways[1], version, first)
            newest = self.assert_resumes(gateways[2], version, moved)
            self.assert_resumes(gateways[1], version, newest)
            self.assert_full(gateways[0], version, newest)


if __name__ == "__main__":
    main()
