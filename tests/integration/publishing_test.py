"""A whole gateway publishes to PowerDNS and to Route 53: what is there then, and what it says when
it was told something wrong. Nobody who is served notices."""

import json

from client_case import ClientCase
from processes import Gateway, PowerDns, main
from route53_stand_in import Route53StandIn, Zone

NAME = "chat.example"
ADDRESS = "127.0.0.1"
ZONE = "Z1D633PJN98FT9"
# By SIGTERM as well, so it is only for those who are to end by the rule.
DRAIN = {"drain": {"quiet": "1s"}}
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


class PublishingCase(ClientCase):
    """One backend, and a gateway for each set of tables of [dns]."""

    publisher = None

    def setUp(self):
        super().setUp()
        self.shards = self.cluster.static_shards(self.chat_servers(["chat-a"]))

    def start_gateway(self, tables, environment=None, record=NAME):
        tables = {"gateway": {"name": "g1"},
                  "dns": {"publisher": self.publisher, "record": record, "interval": "1s",
                          "ttl": "1s"}, **tables}
        gateway = Gateway("gateway", self.cluster.folder, self.cluster.programs,
                          self.cluster.certificates, self.shards, tables)
        settings = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": self.cluster.folder,
                    **(environment or {})}
        gateway.command = ["env", *(f"{name}={value}" for name, value in settings.items()),
                           *gateway.command]
        self.cluster.start(gateway).wait_ready()
        return gateway

    def wait_for(self, read, wanted):
        self.wait_until(lambda: read() == wanted, f"DNS has {wanted}")

    def order(self, gateway, word):
        done = self.cluster.presenterctl("gateway", word, "--gateway", gateway.admin)
        self.assertEqual(done.returncode, 0, done.stderr)

    def assert_comes_and_goes(self, gateway, read, there):
        """With the gateway's readiness, under a client that stays to the end."""
        self.wait_for(read, there)
        self.wait_until(lambda: gateway.metric("presenter_dns_publications_total", result="ok")
                        == 1, "it knows that")
        client = self.served_client(gateway=gateway)
        self.order(gateway, "drain")
        self.wait_for(read, [])
        self.order(gateway, "undrain")
        self.wait_for(read, there)
        self.order(gateway, "drain")
        self.wait_for(read, [])
        self.assertTrue(gateway.is_running())
        client.send_text(1, b"still here")
        client.tcp.close()
        self.assertEqual(gateway.wait(60), 0)

    def assert_says(self, gateway, error, text):
        """At its start, and with each attempt; its clients are served, and it stays."""
        client = self.served_client(gateway=gateway)
        gateway.wait_for_line(rf"error dns: {self.publisher} cannot publish: {error}: .*{text}")
        gateway.wait_for_line(rf"error dns: {self.publisher} did not publish: {error}: .*{text}")
        self.wait_until(lambda: gateway.metric("presenter_dns_publications_total", result=error)
                        > 1, "it tries again")
        other = self.served_client(user="ben", gateway=gateway)
        self.assert_talks(client, other)
        for each in (client, other):
            each.tcp.close()


class PowerDnsTest(PublishingCase):
    publisher = "powerdns"

    def setUp(self):
        super().setUp()
        self.dns = self.cluster.start(PowerDns(self.cluster.folder))
        self.dns.add_zone()
        self.key_file = self.write_private("key", b"secret\n")

    def tables(self, **changes):
        return {"dns.powerdns": {"url": self.dns.url, "zone": "example",
                                 "api_key_file": self.key_file, **changes}}

    def test_its_record_comes_and_goes(self):
        gateway = self.start_gateway({**self.tables(), **DRAIN})
        self.assert_comes_and_goes(gateway, lambda: self.dns.dig(NAME), [ADDRESS])

    def test_what_is_wrong_is_said_and_mended_without_a_restart(self):
        self.write_private("key", b"guess\n")
        gateway = self.start_gateway(self.tables())
        self.assert_says(gateway, "denied", "it refuses the key in '.*/key'")
        self.write_private("key", b"secret\n")
        self.wait_for(lambda: self.dns.dig(NAME), [ADDRESS])

    def test_an_unknown_zone(self):
        self.assert_says(self.start_gateway(self.tables(zone="nowhere"), record="chat.nowhere"),
                         "unknown_zone", "it has no zone 'nowhere'")

    def test_a_server_that_is_away_delays_a_drain_and_ends_nothing_early(self):
        gateway = self.start_gateway({**self.tables(), **DRAIN})
        self.wait_for(lambda: self.dns.dig(NAME), [ADDRESS])
        self.dns.kill()
        self.order(gateway, "drain")
        gateway.wait_for_line("the record is still in DNS: dns: unreachable: PowerDNS at ")
        self.wait_until(lambda: gateway.metric("presenter_drain_seconds") > 3, "time has passed")
        self.assertEqual(json.loads(gateway.get("/drain")[1])["state"], "withdrawing")
        self.dns.start()
        self.assertEqual(gateway.wait(60), 0)
        self.assertEqual(self.dns.dig(NAME), [])


class Route53Test(PublishingCase):
    publisher = "route53"

    def setUp(self):
        super().setUp()
        self.zone = Zone("example.")
        self.service = Route53StandIn(self.cluster.folder, {ZONE: self.zone},
                                      {KEY: (SECRET, None)})
        self.addCleanup(self.service.close)
        self.addCleanup(lambda: self.assertEqual(self.service.mistakes, []))
        self.keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}

    def tables(self, **changes):
        return {"dns.route53": {"zone_id": ZONE, "endpoint": self.service.url,
                                "ca_file": self.service.ca_file, **changes}}

    def sets(self):
        with self.service.lock:
            return list(self.zone.weights().items())

    def test_its_record_comes_and_goes(self):
        gateway = self.start_gateway({**self.tables(), **DRAIN}, self.keys)
        self.assert_comes_and_goes(gateway, self.sets, [("presenter-g1", (127, [ADDRESS]))])

    def test_faults_of_the_service_are_survived(self):
        self.service.faults.extend(["throttle", "failing", "half_close"])
        gateway = self.start_gateway(self.tables(), self.keys)
        client = self.served_client(gateway=gateway)
        self.wait_for(self.sets, [("presenter-g1", (127, [ADDRESS]))])
        self.assertGreater(gateway.metric("presenter_dns_publications_total",
                                          result="unreachable"), 0)
        client.tcp.close()

    def test_wrong_keys(self):
        self.assert_says(self.start_gateway(self.tables(), {**self.keys, "AWS_SECRET_ACCESS_KEY":
                                                            "wrong"}),
                         "denied", "SignatureDoesNotMatch")

    def test_an_unknown_zone(self):
        self.assert_says(self.start_gateway(self.tables(zone_id="Z0"), self.keys),
                         "unknown_zone", "Z0")

    def test_a_name_outside_of_the_zone(self):
        gateway = self.start_gateway(self.tables(), self.keys, record="chat.example.org")
        self.assert_says(gateway, "not_in_zone", "")

    def test_a_record_in_the_way(self):
        self.zone.add("chat.example.", "A", ["192.0.2.9"])
        gateway = self.start_gateway(self.tables(), self.keys)
        self.assert_says(gateway, "conflicting_record", "simple A record")
        self.zone.sets.clear()
        self.wait_for(self.sets, [("presenter-g1", (127, [ADDRESS]))])


if __name__ == "__main__":
    main()
