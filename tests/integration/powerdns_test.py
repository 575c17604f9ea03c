"""The powerdns publisher against Debian's PowerDNS: what a client of DNS gets then."""

import json
import math
import os
import subprocess

from processes import PROGRAMS, InstallationTest, PowerDns, main

NAME = "chat.example"
QUERIES = 1000
# One share of 370 is outside of three standard deviations by chance alone. The queries are asked
# anew then, and a wrong weight is outside each time.
DRAWS = 3


class Publisher:
    """A publisher by itself, gateway/balance/powerdns_driver.cpp."""

    def __init__(self, url, key_file, zone="example", record=NAME, server="localhost"):
        # pylint: disable-next=consider-using-with
        self.child = subprocess.Popen(
            [os.path.join(PROGRAMS, "presenter-powerdns-driver"), url, server, zone, record,
             key_file],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self):
        self.child.communicate(timeout=60)

    def check(self):
        return self._say("check")

    def publish(self, weights, record=NAME, ttl=60):
        """{address: weight}; each is a gateway's."""
        records = [{"gateway": f"g-{address}", "address": address, "weight": weight}
                   for address, weight in weights.items()]
        return self._say(json.dumps({"record": record, "ttl": ttl, "records": records}))

    def _say(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())


class PowerDnsTest(InstallationTest):
    def setUp(self):
        super().setUp()
        self.dns = self.cluster.start(PowerDns(self.cluster.folder))
        self.dns.add_zone()
        self.key_file = self.write_private("key", b"secret\n")
        self.publisher = self.publisher_with()

    def publisher_with(self, key_file=None, **options):
        publisher = Publisher(self.dns.url, key_file or self.key_file, **options)
        self.addCleanup(publisher.close)
        return publisher

    def assert_ok(self, result, changed):
        self.assertEqual(result, {"error": "ok", "text": "", "changed": changed})

    def assert_fails(self, result, error, text):
        self.assertEqual(result["error"], error, result)
        self.assertRegex(result["text"], text)

    def assert_shares(self, weights, kind="A"):
        """Of the answers to a thousand queries, each address has its part within 3 sigma."""
        total = sum(weights.values())
        for _ in range(DRAWS):
            counts = self.dns.count_answers(NAME, kind, QUERIES)
            self.assertEqual(counts.total(), QUERIES)
            self.assertLessEqual(set(counts), set(weights))
            parts = {address: weight / total for address, weight in weights.items()}
            sigmas = {address: (counts[address] - QUERIES * part)
                      / max(math.sqrt(QUERIES * part * (1 - part)), 1e-9)
                      for address, part in parts.items()}
            if all(abs(sigma) <= 3 for sigma in sigmas.values()):
                return
        self.fail(f"{DRAWS} times outside of three sigma: {counts} by {weights}: {sigmas}")

    def restart(self, **settings):
        self.dns.stop()
        self.dns.settings.update(settings)
        self.dns.start()

    # --- what clients get

    def test_answers_follow_the_weights(self):
        weights = {"192.0.2.1": 1, "192.0.2.2": 0.5, "192.0.2.3": 2}
        self.assert_ok(self.publisher.publish(weights), 3)
        self.assert_shares(weights)

        weights["192.0.2.1"] = 0.1
        self.assert_ok(self.publisher.publish(weights), 1)
        self.assert_shares(weights)

        del weights["192.0.2.3"]
        self.assert_ok(self.publisher.publish(weights), 1)
        self.assert_shares(weights)

    def test_each_family_has_its_own_answers(self):
        weights = {"192.0.2.1": 1, "2001:db8::1": 1, "2001:db8::2": 0.25}
        self.assert_ok(self.publisher.publish(weights, ttl=17), 3)
        self.assert_shares({"192.0.2.1": 1})
        self.assert_shares({"2001:db8::1": 1, "2001:db8::2": 0.25}, "AAAA")
        self.assertRegex(self.dns.dig(NAME, options=("+noall", "+answer"))[0],
                         r"^chat\.example\.\s+17\s+IN\s+A\s+192\.0\.2\.1$")
        self.assert_ok(self.publisher.publish({"192.0.2.1": 1}, ttl=17), 2)
        self.assertEqual(self.dns.dig(NAME, "AAAA"), [])

    def test_the_largest_fleet_is_answered(self):
        weights = {f"10.0.{i // 250}.{i % 250 + 1}": 1.5 for i in range(1000)}
        self.assert_ok(self.publisher.publish(weights), 1000)
        self.assertLessEqual(set(self.dns.dig(NAME, times=100)), set(weights))
        self.assert_ok(self.publisher.publish(weights), 0)

    # --- whose records they are

    def test_nothing_of_others_is_touched(self):
        self.dns.replace("www.example", "A", ["192.0.2.80"])
        self.dns.replace(NAME, "TXT", ['"of somebody"'])
        before = self.dns.record_sets()
        self.assert_ok(self.publisher.publish({"192.0.2.1": 1}), 1)
        ours = {("chat.example.", "LUA"): [
            "A \"--[[presenter]] pickwrandom({{100,'192.0.2.1'},})\""]}
        self.assertEqual(self.dns.record_sets(), {**before, **ours})
        self.assert_ok(self.publisher.publish({}), 1)
        self.assertEqual(self.dns.record_sets(), before)

    def test_a_record_in_the_way_is_left_there(self):
        for kind, content in (("A", "192.0.2.80"), ("CNAME", "www.example."),
                              ("LUA", "A \"ifportup(443, {'192.0.2.80'})\"")):
            with self.subTest(kind=kind):
                self.dns.replace(NAME, kind, [content])
                before = self.dns.record_sets()
                for result in (self.publisher.check(), self.publisher.publish({"192.0.2.1": 1})):
                    self.assert_fails(result, "conflicting_record",
                                      f"PowerDNS at .*: an? {kind} record .*chat.example. is in "
                                      "the way: remove it")
                self.assertEqual(self.dns.record_sets(), before)
                self.dns.replace(NAME, kind, [])

    def test_what_was_edited_by_hand_is_put_right(self):
        self.publisher.publish({"192.0.2.1": 1, "192.0.2.2": 1})
        self.dns.replace(NAME, "LUA", [])
        self.assert_ok(self.publisher.publish({"192.0.2.1": 1, "192.0.2.2": 1}), 2)
        self.assertEqual(len(self.dns.dig(NAME)), 1)

    # --- what goes wrong

    def test_a_server_that_is_down(self):
        self.assert_ok(self.publisher.publish({"192.0.2.1": 1}), 1)
        self.dns.kill()
        for result in (self.publisher.publish({"192.0.2.2": 1}), self.publisher.check()):
            self.assert_fails(result, "unreachable", "PowerDNS at .*Connection refused")
        self.dns.start()
        self.assert_ok(self.publisher.publish({"192.0.2.2": 1}), 2)
        self.assertEqual(self.dns.dig(NAME), ["192.0.2.2"])

    def test_wrong_settings_are_named(self):
        wrong_key = self.write_private("wrong", b"guess\n")
        for options, error, text in (
                ({"key_file": wrong_key}, "denied", "it refuses the key in '.*/wrong', status 401"),
                ({"zone": "nowhere", "record": "chat.nowhere"}, "unknown_zone",
                 "it has no zone 'nowhere'"),
                ({"server": "other"}, "unknown_zone", "or no server 'other'"),
                ({"zone": "chat.example", "record": "www.example"}, "not_in_zone",
                 "the name 'www.example' is not in the zone 'chat.example'")):
            with self.subTest(error=error):
                publisher = self.publisher_with(**options)
                self.assert_fails(publisher.check(), error, text)
                record = options.get("record", NAME)
                self.assert_fails(publisher.publish({"192.0.2.1": 1}, record), error, text)
        self.assertEqual(list(self.dns.record_sets()), [("example.", "NS")])

    def test_lua_records_must_be_on(self):
        self.assert_ok(self.publisher.check(), 0)
        self.restart(**{"enable-lua-records": "no"})
        self.assert_fails(self.publisher.check(), "not_enabled",
                          "LUA records are off: it needs enable-lua-records=yes")
        # For this zone alone.
        self.dns.set_metadata("ENABLE-LUA-RECORDS", "1")
        self.dns.call("PUT", "/cache/flush?domain=example.")
        self.assert_ok(self.publisher.check(), 0)
        self.assert_ok(self.publisher.publish({"192.0.2.1": 1}), 1)
        self.assertEqual(self.dns.dig(NAME), ["192.0.2.1"])


if __name__ == "__main__":
    main()
