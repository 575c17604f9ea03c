"""What watches a gateway: Prometheus's own tools take its metrics, rules and dashboard."""

import json
import os
import re
import subprocess
import urllib.request

import yaml
from client_case import ClientCase
from processes import ROOT, main
from prometheus_client.openmetrics.parser import text_string_to_metric_families

DEPLOY = os.path.join(ROOT, "deploy")
DASHBOARD = os.path.join(DEPLOY, "grafana/presenter.json")
PART = re.compile(r"_(bucket|sum|count)$")
PANELS = {"row", "stat", "timeseries"}


def promtool(*words, given=None):
    """Fails with what it says, unless it says that all is well."""
    done = subprocess.run(["promtool", *words], input=given, capture_output=True, text=True,
                          timeout=60, check=False)
    if done.returncode != 0 or (given is not None and (done.stdout + done.stderr).strip()):
        raise AssertionError(f"promtool {' '.join(words)}:\n{done.stdout}{done.stderr}")


def open_metrics_of(gateway):
    request = urllib.request.Request(f"http://{gateway.admin}/metrics", headers={
        "Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


class ObservingTest(ClientCase):
    def setUp(self):
        super().setUp()
        _, self.gateway = self.static_installation(echo=True)

    def page(self):
        return self.gateway.get("/metrics")[1]

    def families(self):
        return set(re.findall(r"^# TYPE (\S+)", self.page(), re.M))

    # --- metrics

    def test_prometheus_has_nothing_against_the_page(self):
        self.echo_client()
        promtool("check", "metrics", given=self.page())

    def test_open_metrics_says_the_same(self):
        self.echo_client()
        # A worker shows its backends at its first tick.
        self.wait_until(lambda: "presenter_backend_links_up" in self.families(), "backends")
        kind, page = open_metrics_of(self.gateway)
        self.assertEqual(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(page.endswith("\n# EOF\n"))
        families = {family.name: family for family in text_string_to_metric_families(page)}
        names = {name + ("_total" if family.type == "counter" else "")
                 for name, family in families.items()}
        self.assertEqual(names, self.families())
        self.assertEqual(families["presenter_relayed_bytes"].unit, "bytes")
        self.assertEqual(families["presenter_loop_turn_seconds"].unit, "seconds")
        for family in families.values():
            for sample in family.samples:
                if family.type != "gauge":
                    self.assertGreaterEqual(sample.value, 0, sample)

    def test_times_are_counted(self):
        client = self.echo_client()
        self.assert_echoes(client, b"the first read is timed")
        count = self.gateway.metric
        self.assertEqual(count("presenter_handshake_seconds_count", kind="full"), 1)
        self.assertEqual(count("presenter_handshake_seconds_count", kind="resumed"), 0)
        self.assertEqual(count("presenter_stream_open_seconds_count"), 1)
        self.wait_until(lambda: count("presenter_relay_seconds_count") == 1, "a read is timed")
        self.assertGreater(count("presenter_loop_turn_seconds_count"), 0)
        for family in ("handshake", "stream_open", "relay", "loop_turn"):
            with self.subTest(family=family):
                self.assertGreater(count(f"presenter_{family}_seconds_sum"), 0)
                self.assertLess(count(f"presenter_{family}_seconds_sum"), 60)

    def test_backends_by_name(self):
        self.echo_client()
        self.wait_until(lambda: 'presenter_backend_streams_open{backend="chat-a"} 1\n' in
                        self.page(), "its stream is shown")
        self.assertEqual(self.gateway.metric("presenter_backends_unlisted"), 0)

    # --- rules

    def test_rules(self):
        rules = [os.path.join(DEPLOY, name) for name in ("recordings.yml", "alarms.yml")]
        promtool("check", "rules", *rules)
        promtool("test", "rules", os.path.join(DEPLOY, "alarms_test.yml"))
        with open(rules[0], encoding="utf-8") as file:
            expressions = re.findall(r"^        expr: (.+)$", file.read(), re.M)
        self.assertTrue(expressions)
        self.assert_metrics_exist(expressions)

    # --- dashboard

    def assert_metrics_exist(self, expressions):
        # Backends are shown once a second.
        self.wait_until(lambda: "presenter_backend_links_up" in self.families(), "backends")
        known = self.families()
        for expression in expressions:
            for name in re.findall(r"\b(?:presenter|process)_\w+", expression):
                family = name if name in known else PART.sub("", name)
                self.assertIn(family, known, expression)

    def test_the_dashboard_is_one_and_shows_what_there_is(self):
        with open(DASHBOARD, encoding="utf-8") as file:
            dashboard = json.load(file)
        self.assertEqual((dashboard["uid"], dashboard["schemaVersion"]), ("presenter", 37))
        variables = {one["name"]: one for one in dashboard["templating"]["list"]}
        self.assertEqual(set(variables), {"datasource", "job", "instance"})
        panels = dashboard["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken, expressions = set(), []
        for panel in panels:
            with self.subTest(panel=panel["title"]):
                self.assertIn(panel["type"], PANELS)
                place = panel["gridPos"]
                cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                         for y in range(place["y"], place["y"] + place["h"])}
                self.assertTrue(cells and place["x"] >= 0 and place["x"] + place["w"] <= 24)
                self.assertFalse(cells & taken, "over another panel")
                taken |= cells
                if panel["type"] == "row":
                    continue
                self.assertEqual(panel["datasource"]["uid"], "${datasource}")
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                names = [target["refId"] for target in panel["targets"]]
                self.assertTrue(names and len(set(names)) == len(names))
                expressions += [target["expr"] for target in panel["targets"]]
        self.assert_metrics_exist(expressions)
        self.assert_promql(expressions)

    def assert_promql(self, expressions):
        path = self.path("dashboard_rules.yml")
        rules = [{"record": f"panel:{number}", "expr": text.replace("$__rate_interval", "5m")}
                 for number, text in enumerate(expressions)]
        with open(path, "w", encoding="utf-8") as file:
            yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        promtool("check", "rules", path)

    def test_provisioning(self):
        with open(os.path.join(DEPLOY, "grafana/provisioning.yml"), encoding="utf-8") as file:
            provisioning = yaml.safe_load(file)
        self.assertEqual(provisioning["apiVersion"], 1)
        self.assertEqual([one["type"] for one in provisioning["providers"]], ["file"])


if __name__ == "__main__":
    main()
