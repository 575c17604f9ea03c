"""The publisher of Route 53 over TLS against a strict stand-in (tests/support/route53_stand_in.py),
which is proved first by the official command-line client."""

import json
import os
import select
import subprocess
import tempfile
import unittest

from processes import PATIENCE, PROGRAMS, main
from route53_stand_in import MetadataStandIn, Route53StandIn, Zone

ZONE = "Z1D633PJN98FT9"
KEYS = {"AKIDEXAMPLE": ("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None),
        "ASIAEXAMPLE": ("temporary/secret+EXAMPLE", "a/token+for=tests==")}
BY_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                  "AWS_SECRET_ACCESS_KEY": KEYS["AKIDEXAMPLE"][0]}
TEMPORARY = ("ASIAEXAMPLE", *KEYS["ASIAEXAMPLE"])
NAME = "chat.example."
ONE = [["gw-1", "192.0.2.1", 1]]
TWO = [["gw-1", "192.0.2.1", 1.5], ["gw-2", "192.0.2.2", 0.5]]


class Driver:
    """The publisher in a process of its own."""

    def __init__(self, environment, **options):
        self.child = subprocess.Popen(
            [os.path.join(PROGRAMS, "presenter-route53-driver"), json.dumps(options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)

    def call(self, **order):
        self.child.stdin.write(json.dumps(order) + "\n")
        self.child.stdin.flush()
        if not select.select([self.child.stdout], [], [], PATIENCE)[0]:
            raise AssertionError(f"no result of {order}")
        return json.loads(self.child.stdout.readline())

    def close(self):
        """Returns its status; a call that is under way is given up."""
        self.child.stdin.close()
        self.child.stdout.close()
        return self.child.wait(PATIENCE)


class Route53Case(unittest.TestCase):
    """A stand-in with one zone, from which nothing may have come that is wrong."""

    def setUp(self):
        # pylint: disable=consider-using-with
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.zone = Zone("example.")
        self.service = self.stand_in()

    def stand_in(self, **options):
        made = Route53StandIn(self.folder, {ZONE: self.zone}, dict(KEYS), **options)
        self.addCleanup(made.close)
        return made

    def environment(self, more):
        """Nothing of AWS but what is named, and what a sanitizer is told."""
        kept = {name: value for name, value in os.environ.items()
                if name == "PATH" or name.endswith("SAN_OPTIONS")}
        return {**kept, "HOME": self.folder, "AWS_EC2_METADATA_DISABLED": "true", **more}

    def driver(self, environment=None, **options):
        options = {"zone": ZONE, "record": "chat.example", "endpoint": self.service.url,
                   "ca_file": self.service.ca_file, **options}
        made = Driver(self.environment(BY_ENVIRONMENT if environment is None else environment),
                      **options)
        self.addCleanup(lambda: self.assertEqual(made.close(), 0))
        return made

    def publish(self, driver, records, **more):
        return driver.call(record="chat.example", records=records, **more)

    def assert_result(self, result, error, text=""):
        self.assertEqual(result["error"], error, result)
        self.assertIn(text, result["text"])

    def assert_published(self, driver, records, changed=None):
        result = self.publish(driver, records)
        self.assert_result(result, "ok")
        if changed is not None:
            self.assertEqual(result["changed"], changed)
        self.assertEqual({name: values[0] for name, (_, values) in self.zone.weights().items()
                          if name.startswith("presenter-")},
                         {f"presenter-{name}": address for name, address, _ in records})

    def tearDown(self):
        self.assertEqual(self.service.mistakes, [])
        self.assertLessEqual(self.service.in_flight_max, 1)


class OfficialClientTest(Route53Case):
    """What the stand-in is taken for by AWS's own program."""

    def aws(self, *arguments, more=None, fails_with=None):
        environment = self.environment({**BY_ENVIRONMENT, "AWS_DEFAULT_REGION": "us-east-1",
                                        "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1", **(more or {})})
        done = subprocess.run(
            ["/usr/bin/aws", "route53", *arguments, "--output", "json", "--endpoint-url",
             self.service.url, "--ca-bundle", self.service.ca_file],
            env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if fails_with:
            self.assertIn(fails_with, done.stderr)
            return None
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def change(self, action, kind="A", fails_with=None, **members):
        members = {"Name": NAME, "Type": kind, **members}
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": members}]}
        return self.aws("change-resource-record-sets", "--hosted-zone-id", ZONE, "--change-batch",
                        json.dumps(batch), fails_with=fails_with)

    def test_it_is_a_zone_with_weighted_sets(self):
        weighted = {"SetIdentifier": "one", "Weight": 127, "TTL": 60,
                    "ResourceRecords": [{"Value": "192.0.2.1"}]}
        self.assertEqual(self.change("UPSERT", **weighted)["ChangeInfo"]["Status"], "PENDING")
        listed = self.aws("list-resource-record-sets", "--hosted-zone-id", ZONE)
        self.assertEqual(listed["ResourceRecordSets"], [{"Name": NAME, "Type": "A", **weighted}])
        zone = self.aws("get-hosted-zone", "--id", ZONE)["HostedZone"]
        self.assertEqual((zone["Id"], zone["Name"]), (f"/hostedzone/{ZONE}", "example."))

        self.change("DELETE", **{**weighted, "Weight": 1},
                    fails_with="(InvalidChangeBatch) when calling")
        self.change("UPSERT", TTL=60, ResourceRecords=[{"Value": "192.0.2.9"}],
                    fails_with="non-weighted")
        self.change("UPSERT", "CNAME", TTL=60, ResourceRecords=[{"Value": "elsewhere.example"}],
                    fails_with="conflicts")
        self.change("DELETE", **weighted)
        self.assertEqual(self.zone.sets, {})

    def test_it_gives_pages(self):
        self.service.page_sets = 2
        for number in range(5):
            self.zone.add(NAME, "A", ["192.0.2.1"], SetIdentifier=f"set-{number}", Weight=1)
        listed = self.aws("list-resource-record-sets", "--hosted-zone-id", ZONE)
        self.assertEqual(len(listed["ResourceRecordSets"]), 5)
        self.assertEqual(self.service.calls, ["ListResourceRecordSets"] * 3)

    def test_it_takes_temporary_keys_and_refuses_wrong_ones(self):
        key, secret, token = TEMPORARY
        self.aws("get-hosted-zone", "--id", ZONE, more={
            "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token})
        self.aws("get-hosted-zone", "--id", ZONE, more={"AWS_SECRET_ACCESS_KEY": "wrong"},
                 fails_with="(SignatureDoesNotMatch)")
        self.aws("get-hosted-zone", "--id", "Z0", fails_with="(NoSuchHostedZone)")

    def test_its_faults_are_those_of_the_service(self):
        for fault, told in (("throttle", "(Throttling)"), ("busy", "(PriorRequestNotComplete)"),
                            ("failing", "(InternalFailure)")):
            self.service.faults.append(fault)
            self.aws("get-hosted-zone", "--id", ZONE, fails_with=told)


class PublishTest(Route53Case):
    """What it makes of a zone."""

    def test_it_sends_what_differs_and_lists_once(self):
        driver = self.driver()
        self.assert_published(driver, TWO, changed=2)
        self.assertEqual(self.zone.weights(), {"presenter-gw-1": (191, ["192.0.2.1"]),
                                               "presenter-gw-2": (64, ["192.0.2.2"])})
        self.assert_published(driver, TWO, changed=0)
        self.assert_published(driver, [TWO[0], ["gw-2", "192.0.2.2", 2]], changed=1)
        self.assertEqual(self.zone.weights()["presenter-gw-2"][0], 254)
        self.assert_published(driver, ONE, changed=2)
        self.assertEqual(self.service.calls, ["ListResourceRecordSets",
                                              *["ChangeResourceRecordSets"] * 3])

    def test_it_removes_what_an_earlier_leader_has_left(self):
        self.zone.add(NAME, "A", ["192.0.2.9"], SetIdentifier="presenter-gone", Weight=3)
        self.zone.add(NAME, "AAAA", ["2001:DB8:0:0:0:0:0:9"], SetIdentifier="presenter-gone",
                      Weight=3)
        self.assert_published(self.driver(), ONE, changed=3)
        self.assertEqual(self.zone.weights("AAAA"), {})

    def test_it_publishes_both_families(self):
        driver = self.driver()
        records = [*ONE, ["gw-1", "192.0.2.7", 1], ["gw-1", "2001:db8::1", 1]]
        self.assert_result(self.publish(driver, records), "ok")
        self.assertEqual(self.zone.weights()["presenter-gw-1"][1], ["192.0.2.1", "192.0.2.7"])
        self.assertEqual(self.zone.weights("AAAA"), {"presenter-gw-1": (127, ["2001:db8::1"])})

    def test_it_leaves_alone_what_others_own(self):
        self.zone.add(NAME, "A", ["192.0.2.9"], SetIdentifier="somebody", Weight=9)
        self.zone.add(NAME, "TXT", ['"theirs"'])
        self.zone.add("www.example.", "A", ["192.0.2.8"], SetIdentifier="presenter-x", Weight=9)
        before = dict(self.zone.sets)
        driver = self.driver()
        self.assert_published(driver, TWO)
        self.assert_published(driver, ONE)
        self.assertEqual({key: self.zone.sets[key] for key in before}, before)

    def test_a_simple_record_stands_in_the_way_until_it_is_removed(self):
        self.zone.add(NAME, "A", ["192.0.2.9"])
        driver = self.driver()
        self.assert_result(driver.call(check=True), "conflicting_record", "simple A record")
        self.assert_result(self.publish(driver, ONE), "conflicting_record", "simple A record")
        self.zone.sets.clear()
        self.assert_published(driver, ONE)

    def test_a_wildcard_is_found_as_the_service_writes_it(self):
        driver = self.driver(record="*.chat.example")
        self.assert_result(driver.call(check=True), "ok")
        order = {"record": "*.chat.example", "records": ONE}
        self.assertEqual(driver.call(**order)["changed"], 1)
        self.assertEqual(self.driver().call(**order)["changed"], 0)

    def test_it_reads_on_through_pages(self):
        self.service.page_sets = 3
        for number in range(8):
            self.zone.add(NAME, "A", ["192.0.2.9"], SetIdentifier=f"presenter-{number}", Weight=1)
        self.zone.add("zzz.example.", "A", ["192.0.2.8"])
        self.assert_published(self.driver(), ONE, changed=9)
        self.assertEqual(self.service.calls.count("ListResourceRecordSets"), 3)

    def test_more_sets_than_one_name_can_have_are_refused(self):
        for number in range(99):
            self.zone.add(NAME, "A", ["192.0.2.9"], SetIdentifier=f"other-{number}", Weight=1)
        driver = self.driver()
        self.assert_result(self.publish(driver, TWO), "too_many_records", "99 of others")
        self.assert_published(driver, ONE)

    def test_a_large_fleet_goes_in_several_batches(self):
        records = [[f"gw-{gateway}", f"10.0.{gateway}.{address}", 1]
                   for gateway in range(100) for address in range(6)]
        driver = self.driver()
        self.assertEqual(self.publish(driver, records)["changed"], 600)
        self.assertEqual(self.service.calls.count("ChangeResourceRecordSets"), 2)
        self.assertEqual(len(self.zone.weights()), 100)
        self.assert_published(driver, ONE, changed=595)

    def test_it_changes_nothing_when_another_may_lead_by_now(self):
        driver = self.driver()
        self.assert_published(driver, TWO)
        result = self.publish(driver, ONE, late=True)
        self.assert_result(result, "timed_out", "another gateway may publish by now")
        self.assertEqual(len(self.zone.weights()), 2)

    def test_it_learns_what_somebody_else_has_removed(self):
        driver = self.driver()
        self.assert_published(driver, TWO)
        del self.zone.sets[(NAME, "A", "presenter-gw-2")]
        self.assert_result(self.publish(driver, ONE), "conflicting_record", "not found")
        self.assert_published(driver, ONE)


class CheckTest(Route53Case):
    """What a start finds."""

    def test_a_good_one(self):
        driver = self.driver()
        self.assert_result(driver.call(check=True), "ok")
        self.assert_published(driver, ONE)
        self.assertEqual(self.service.calls, ["GetHostedZone", "ListResourceRecordSets",
                                              "ChangeResourceRecordSets"])

    def test_an_unknown_zone(self):
        self.assert_result(self.driver(zone="Z0").call(check=True), "unknown_zone", "Z0")

    def test_a_name_outside_of_the_zone(self):
        driver = self.driver(record="chat.example.org")
        self.assert_result(driver.call(check=True), "not_in_zone", "zone example.")
        self.assert_result(driver.call(record="chat.example.org", records=ONE), "not_in_zone",
                           "not permitted in zone")

    def test_wrong_keys(self):
        wrong = self.driver({**BY_ENVIRONMENT, "AWS_SECRET_ACCESS_KEY": "wrong"})
        self.assert_result(wrong.call(check=True), "denied", "SignatureDoesNotMatch")
        unknown = self.driver({**BY_ENVIRONMENT, "AWS_ACCESS_KEY_ID": "AKIDUNKNOWN"})
        self.assert_result(unknown.call(check=True), "denied", "InvalidClientTokenId")
        none = self.driver({})
        self.assert_result(none.call(check=True), "denied", "AWS_ACCESS_KEY_ID or")

    def test_certificates_that_must_not_be_trusted(self):
        untrusting = self.driver(ca_file="")
        self.assert_result(untrusting.call(check=True), "unreachable", "certificate is refused")
        with tempfile.TemporaryDirectory() as folder:
            self.folder = folder
            other = self.stand_in(subject="DNS:route53.amazonaws.com,IP:127.0.0.2")
            misnamed = self.driver(endpoint=other.url, ca_file=other.ca_file)
            self.assert_result(misnamed.call(check=True), "unreachable", "IP address mismatch")
            # c-ares 1.18 loses 10 bytes when it looks up this name.
            by_name = self.driver({**BY_ENVIRONMENT, "LSAN_OPTIONS": "detect_leaks=0"},
                                  endpoint=f"https://localhost:{other.port}", ca_file=other.ca_file)
            self.assert_result(by_name.call(check=True), "unreachable", "ostname mismatch")
        self.assertEqual(self.service.calls + other.calls, [])


class FaultTest(Route53Case):
    """Each fault once where the zone is listed, and once where it is changed."""

    def assert_survived(self, fault, error, text, **options):
        driver = self.driver(**options)
        for records in (TWO, ONE):
            with self.subTest(fault=fault, records=len(records)):
                self.service.faults.append(fault)
                self.assert_result(self.publish(driver, records), error, text)
                self.assert_published(driver, records)

    def test_throttling(self):
        self.assert_survived("throttle", "throttled", "Rate exceeded")
        # It has changed nothing, so that nothing need be listed again.
        self.assertEqual(self.service.calls.count("ListResourceRecordSets"), 1)

    def test_throttling_that_says_for_how_long(self):
        driver = self.driver()
        self.service.faults.append("throttle_7")
        self.assertEqual(self.publish(driver, ONE)["retry_after_ms"], 7_000)

    def test_an_earlier_change_that_is_not_complete(self):
        self.assert_survived("busy", "busy", "PriorRequestNotComplete")
        self.assertEqual(self.service.calls.count("ListResourceRecordSets"), 1)

    def test_failures_of_the_service(self):
        self.assert_survived("failing", "unreachable", "HTTP 500 InternalFailure")
        self.assert_survived("unavailable", "unreachable", "HTTP 503")

    def test_replies_that_are_cut(self):
        self.assert_survived("cut", "unreachable", "before the reply was whole")
        self.assert_survived("half_close", "unreachable", "before the reply was whole")

    def test_replies_that_are_nonsense(self):
        self.assert_survived("garbage", "invalid_reply", "no XML")
        self.assert_survived("huge", "invalid_reply", "too large")

    def test_replies_that_never_come(self):
        self.assert_survived("hang", "timed_out", "took too long: its reply",
                             request_timeout_ms=3_000)

    def test_a_call_as_a_whole_is_limited(self):
        driver = self.driver(call_timeout_ms=300)
        self.service.faults.append("hang")
        self.assert_result(self.publish(driver, ONE), "timed_out")

    def test_a_change_that_was_made_though_its_reply_is_lost(self):
        driver = self.driver()
        self.assert_published(driver, TWO)
        self.service.faults.append("lost")
        self.assert_result(self.publish(driver, ONE), "unreachable")
        self.assertEqual(list(self.zone.weights()), ["presenter-gw-1"])
        self.assert_published(driver, ONE, changed=0)

    def test_a_service_that_is_away(self):
        driver = self.driver(endpoint="https://127.0.0.1:1")
        self.assert_result(self.publish(driver, ONE), "unreachable", "Connection refused")

    def test_a_clock_that_is_wrong(self):
        driver = self.driver()
        self.service.clock_ahead = 3_600
        self.assert_result(self.publish(driver, ONE), "denied", "this machine's clock is 3")
        self.assert_result(self.publish(driver, ONE), "denied", "behind that of the service")
        self.service.clock_ahead = -3_600
        self.assert_result(self.publish(driver, ONE), "denied", "ahead of that of the service")
        self.service.clock_ahead = 200
        self.assert_published(driver, ONE)

    def test_an_end_in_the_middle_of_a_call(self):
        driver = self.driver()
        self.service.faults.append("hang")
        driver.child.stdin.write(json.dumps({"check": True}) + "\n")
        # Its cleanup closes stdin, and expects a clean end.


class CredentialsTest(Route53Case):
    """Where keys come from, and how long they stay."""

    def setUp(self):
        super().setUp()
        self.metadata = MetadataStandIn((*TEMPORARY, 3_600))
        self.addCleanup(self.metadata.close)
        self.addCleanup(lambda: self.assertEqual(self.metadata.mistakes, []))
        self.on_instance = {"AWS_EC2_METADATA_DISABLED": "",
                            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.metadata.url}
        self.in_container = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": self.metadata.url + "/container/keys?a=b",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-secret"}

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_temporary_ones_of_the_environment(self):
        key, secret, token = TEMPORARY
        self.assert_published(self.driver({"AWS_ACCESS_KEY_ID": key, "AWS_SESSION_TOKEN": token,
                                           "AWS_SECRET_ACCESS_KEY": secret}), ONE)

    def test_the_shared_file_is_read_again(self):
        driver = self.driver({"AWS_PROFILE": "chat"})
        self.assert_result(self.publish(driver, ONE), "denied", ".aws/credentials cannot be read")
        self.write(".aws/credentials", "[default]\naws_access_key_id = AKIDOTHER\n")
        self.assert_result(self.publish(driver, ONE), "denied", "no section [chat]")
        self.write(".aws/credentials", "[chat]\naws_access_key_id = AKIDEXAMPLE\n"
                   f"aws_secret_access_key = {KEYS['AKIDEXAMPLE'][0]}\n")
        self.assert_published(driver, ONE)

    def test_the_container_endpoint(self):
        self.assert_published(self.driver(self.in_container), ONE)
        path = self.write("token", "container-secret\n")
        by_file = {**self.in_container, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "",
                   "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": path}
        self.assert_published(self.driver(by_file, credentials="container"), TWO)
        without = {**self.in_container, "AWS_CONTAINER_AUTHORIZATION_TOKEN": ""}
        self.assert_result(self.driver(without).call(check=True), "denied", "no keys: HTTP 401")
        elsewhere = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/keys"}
        self.assert_result(self.driver(elsewhere).call(check=True), "denied", "from this machine")

    def test_an_instance_fetches_once(self):
        driver = self.driver(self.on_instance)
        self.assert_published(driver, ONE)
        self.assert_published(driver, TWO)
        self.assertEqual(self.metadata.fetched, 1)

    def test_an_instance_without_a_role(self):
        self.metadata.mode = "no_role"
        self.assert_result(self.driver(self.on_instance).call(check=True), "denied",
                           "the instance has no role: HTTP 404")

    def test_a_token_that_does_not_come_back_hints_at_the_hop_limit(self):
        self.metadata.mode = "hang"
        self.assert_result(self.driver(self.on_instance).call(check=True), "denied",
                           "hop limit at least 2")

    def test_keys_are_fetched_ahead_of_their_end_and_kept_when_that_fails(self):
        self.metadata.keys = (*TEMPORARY, 60)
        driver = self.driver(self.on_instance)
        self.assert_published(driver, ONE)
        self.assert_published(driver, TWO)
        self.assertEqual(self.metadata.fetched, 2)
        self.metadata.keys = (*TEMPORARY, -60)
        self.assert_published(driver, ONE)  # they have expired, which the service has not noticed
        self.metadata.mode = "failing"
        self.assert_published(driver, TWO)
        self.assertEqual(self.metadata.fetched, 3)

    def test_keys_that_are_refused_are_fetched_anew(self):
        driver = self.driver(self.on_instance)
        self.assert_published(driver, ONE)
        self.service.keys["ASIAEXAMPLE"] = ("rotated", "token")
        self.assert_result(self.publish(driver, TWO), "denied")
        self.metadata.keys = ("ASIAEXAMPLE", "rotated", "token", 3_600)
        self.assert_published(driver, TWO)


if __name__ == "__main__":
    main()
