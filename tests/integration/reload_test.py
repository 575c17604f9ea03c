"""Another configuration while clients talk: all that can change is taken, or nothing."""

import contextlib
import json
import os
import signal
import ssl
import threading
import urllib.error
import urllib.request

from client_case import ClientCase
from echo_crowd import EchoCrowd
from processes import PROGRAMS, main, toml

# The long form, PRESENTER_RELOADS_LONG=1: 1,000 clients and 50 reloads.
IS_LONG = bool(os.environ.get("PRESENTER_RELOADS_LONG"))
CLIENTS = 1000 if IS_LONG else 40
ROUNDS = 50 if IS_LONG else 8

# What each round changes; the others are broken, with a change beside the mistake.
CHANGES = [
    {"log": {"level": "warning"}, "auth": {"timeout": "3s"}},
    {"moves": {"left_grace": "1s", "streams_per_second": 500}, "upstream": {"links_per_worker": 3}},
    {"limits": {"address_unauthenticated_max": 5000, "clients_max": 2000},
     "clients": {"user_timeout": "400s", "notsent_lowat_bytes": 0}},
    {"tls": {"alpn": ["chat/1"], "handshake_timeout": "9s"}, "upstream": {"notice": "1s"}},
    {"upstream": {"stream_window_bytes": 131072, "ping_interval": "4s"}, "listen": {"backlog": 99}},
    {"shutdown": {"timeout": "3s"}, "hooks": {"timeout": "5s"}, "upgrade": {"settle": "1s"}},
    {"balance": {"floor": 0.5}, "drain": {"quiet": "5s"}, "tls": {"ticket_rotation": "24h"}},
]
BROKEN = [
    ({"log": {"level": "loud"}, "auth": {"timeout": "4s"}}, "log.level: must be one of"),
    ({"tls": {"private_key": "absent.key"}, "auth": {"timeout": "4s"}}, "absent.key"),
    # No client gets through: so says the handshake that is tried.
    ({"tls": {"curves": ["brainpoolP256r1"]}, "auth": {"timeout": "4s"}}, "tls"),
    ({"moves": {"left_grce": "1s"}, "auth": {"timeout": "4s"}}, "left_grce"),
]


class ReloadCase(ClientCase):
    def install(self, tables=None, **options):
        self.servers, self.gateway = self.static_installation(tables=tables, echo=True, **options)
        self.base = json.loads(json.dumps(self.gateway.tables))

    def write(self, changes=None, text=None):
        """The gateway's configuration, with these keys besides, in the place of the one before."""
        tables = json.loads(json.dumps(self.base))
        for table, keys in (changes or {}).items():
            tables.setdefault(table, {}).update(keys)
        path = self.gateway.config_path
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(toml(tables) if text is None else text)
        os.replace(path + ".new", path)

    def order(self, token=None):
        """Status and answer of an order to reload."""
        return self.request("/reload", "POST", token)

    def request(self, target, method="GET", token=None):
        request = urllib.request.Request(f"http://{self.gateway.admin}{target}", method=method)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def reload(self, changes=None):
        """{key: (old, new)} of what has changed, and {key: needs} of what has not."""
        self.write(changes)
        status, answer = self.order()
        self.assertEqual((status, answer["result"]), (200, "done"), answer)
        return ({each["key"]: (each["old"], each["new"]) for each in answer["changed"]},
                {each["key"]: each["needs"] for each in answer["pending"]})

    def values(self):
        """{key: value} of what is in force."""
        status, body = self.gateway.get("/config")
        self.assertEqual(status, 200)
        return {each["key"]: each["value"] for each in json.loads(body)["values"]}

    def reloads(self, result):
        return self.gateway.metric("presenter_config_reloads_total", result=result)

    def ctl(self, *words):
        run = self.cluster.presenterctl("gateway", *words, "--gateway", self.gateway.admin)
        return run.returncode, run.stdout, run.stderr

    def assert_in_force(self, wanted):
        values = self.values()
        for table, keys in wanted.items():
            for key, value in keys.items():
                text = values[f"{table}.{key}"]
                expected = json.dumps(value) if isinstance(value, list) else str(value)
                self.assertEqual(text, {"400s": "400s"}.get(expected, expected), f"{table}.{key}")


class CrowdTest(ReloadCase):
    def test_nobody_notices(self):
        self.install({"limits": {"address_handshakes_burst": 100000}}, names=("chat-a", "chat-b"))
        crowd = EchoCrowd()
        self.addCleanup(crowd.stop)
        for number in range(CLIENTS):
            crowd.add(self.gateway.address, self.cluster.certificates,
                      "idle" if number % 4 == 3 else "talk", number,
                      version=ssl.TLSVersion.TLSv1_2 if number % 5 == 4 else None)
        crowd.start()
        self.wait_until(lambda: crowd.failures or self.gateway.metric("presenter_streams_open")
                        == CLIENTS, "all are served")
        for number in range(ROUNDS):
            self.round(number)
            self.assertEqual(crowd.failures, [], f"round {number}")
        crowd.wake()
        self.wait_until(lambda: crowd.is_done, "all have their bytes")
        self.assertEqual(crowd.failures, [])
        self.assertEqual(self.gateway.metric("presenter_streams_open"), CLIENTS)
        self.assertEqual(self.reloads("done") + self.reloads("refused"), ROUNDS)

    def round(self, number):
        """Every third file is broken."""
        if number % 3 != 2:
            wanted = CHANGES[number % len(CHANGES)]
            changed, pending = self.reload(wanted)
            self.assertEqual(pending, {})
            self.assertGreaterEqual(len(changed), 2)
            self.assert_in_force(wanted)
            return
        before = self.values()
        wanted, mistake = BROKEN[number // 3 % len(BROKEN)]
        self.write(wanted)
        status, answer = self.order()
        self.assertEqual((status, answer["result"]), (409, "refused"))
        self.assertIn(mistake, "\n".join(answer["mistakes"]))
        self.assertEqual(self.values(), before)
        self.assertEqual(self.gateway.metric("presenter_config_last_reload_success"), 0)


class ReloadTest(ReloadCase):
    def test_the_tls_policy_holds_for_those_who_come(self):
        self.install({"tls": {"min_version": "1.2"}})
        old = self.echo_client(version=ssl.TLSVersion.TLSv1_2)
        changed, _ = self.reload({"tls": {"min_version": "1.3"}})
        self.assertEqual(changed, {"tls.min_version": ("1.2", "1.3")})
        with self.assertRaises((ssl.SSLError, OSError)):
            self.echo_client(version=ssl.TLSVersion.TLSv1_2)
        self.assert_echoes(old)
        self.echo_client()
        self.reload()
        self.echo_client(version=ssl.TLSVersion.TLSv1_2)

    def test_the_token_is_another_from_then_on(self):
        old, new = "correct-horse-battery", "staple-of-another-horse"
        file = self.write_private("token", old.encode())
        self.install({"admin": {"address": "127.0.0.1:0", "token_file": file}})
        self.assertEqual((self.status_by(old), self.status_by(new)), (200, 401))
        # Its file holds another one: no key of the configuration has changed.
        self.write_private("token", new.encode())
        self.assertEqual(self.status_by(new), 401, "not by itself")
        os.kill(self.gateway.pid, signal.SIGHUP)
        self.gateway.wait_for_line(r"info admin\.token_file: another token is in force")
        self.assertEqual((self.status_by(old), self.status_by(new)), (401, 200))
        # One that is none: all stays as it was.
        self.write_private("token", b"short")
        os.kill(self.gateway.pid, signal.SIGHUP)
        self.gateway.wait_for_line(r"error configuration: .*admin\.token_file: .* does not hold")
        self.assertEqual((self.status_by(old), self.status_by(new)), (401, 200))
        # Another file, and then none: the loopback needs no token.
        other = self.write_private("other", old.encode())
        self.write({"admin": {"token_file": other}})
        status, answer = self.order(new)
        self.assertEqual((status, [each["key"] for each in answer["changed"]]),
                         (200, ["admin.token_file"]))
        self.assertEqual((self.status_by(old), self.status_by(new)), (200, 401))
        del self.base["admin"]["token_file"]
        self.write()
        self.assertEqual(self.order(old)[0], 200)
        self.assertEqual(self.status_by(None), 200)
        for token in (old, new):
            self.assertNotIn(token, self.gateway.output())

    def status_by(self, token):
        return self.request("/status", token=token)[0]

    def test_the_first_packet_is_read_as_it_says(self):
        self.install()
        here = self.echo_client()
        self.reload({"auth": {"method": "log_in"}})
        self.assertNotEqual(self.waiting_client().receive_to_end(), b"")
        self.wait_closed(self.gateway, "packet_method")
        self.assert_echoes(here)
        self.reload()
        self.echo_client()

    def test_what_needs_a_restart_stays_and_is_told(self):
        self.install()
        wanted = {"workers": {"count": 3}, "listen": {"address": "127.0.0.1:1"},
                  "gateway": {"name": "another"}, "tls": {"early_data": True},
                  "log": {"level": "debug"}}
        changed, pending = self.reload(wanted)
        self.assertEqual(changed, {"log.level": ("info", "debug")})
        self.assertEqual(pending, {"workers.count": "restart", "listen.address": "restart",
                                   "gateway.name": "restart", "tls.early_data": "upgrade"})
        self.assertEqual(self.values()["workers.count"], "1")
        status, out, _ = self.ctl("config")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"workers\.count +1 +3 +needs restart")
        self.gateway.wait_for_line(r"warning configuration: workers\.count stays '1': '3' needs a "
                                   "restart")
        self.echo_client()

    def test_values_are_told_with_their_origin(self):
        with environment(PRESENTER_AUTH_TIMEOUT="7s", PRESENTER_AUTH_TIMEOT="7s", SECRET="hidden"):
            self.install({"auth": {"method": "${SECRET}"}, "log": {"level": "debug"}})
        self.gateway.wait_for_line("PRESENTER_AUTH_TIMEOT: .auth. has no such key, did you mean")
        status, out, _ = self.ctl("config", "--set")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"auth\.timeout +7s +environment PRESENTER_AUTH_TIMEOUT")
        self.assertRegex(out, r"log\.level +debug +\S*gateway\.toml:\d+")
        self.assertRegex(out, r"auth\.method +\$\{SECRET\}")
        self.assertNotIn("hidden", self.gateway.get("/config")[1])
        self.assertNotIn("moves.left_grace", out)
        self.assertRegex(self.ctl("config")[1], r"moves\.left_grace +5s +default")

    def test_presenterctl_tells_changes_and_mistakes(self):
        self.install()
        self.write({"log": {"level": "warning"}})
        status, out, _ = self.ctl("reload")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"log\.level +info +warning +now")
        self.assertRegex(self.ctl("reload")[1], "nothing has changed")
        self.write({"log": {"level": "loud"}, "auth": {"timeout": 0}})
        status, out, said = self.ctl("reload")
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(said, r"log\.level: must be one of")
        self.assertRegex(said, r"auth\.timeout: must be 100ms to 5m")
        self.write(text="[listen\n")
        self.assertEqual(self.ctl("reload")[0], 1)
        self.assertEqual(self.values()["log.level"], "warning")

    def test_the_file_may_be_away(self):
        self.install()
        os.rename(self.gateway.config_path, self.gateway.config_path + ".away")
        status, answer = self.order()
        self.assertEqual(status, 409)
        self.assertIn("No such file", answer["error"])
        self.echo_client()

    def test_links_and_the_fixed_map_follow(self):
        self.install()
        here = self.echo_client()
        self.reload({"upstream": {"links_per_worker": 3}})
        self.wait_until(lambda: self.gateway.metric("presenter_links_up") == 3, "three links")
        self.reload()
        self.wait_until(lambda: self.gateway.metric("presenter_links_up") == 1
                        or self.gateway.metric("presenter_streams_open") == 1, "one again")
        self.assert_echoes(here)
        [other] = self.chat_servers(["chat-b"], echo=True)
        self.base["shards"] = dict(self.cluster.static_shards([*self.servers, other]))
        self.reload()
        self.wait_until(lambda: self.gateway.metric("presenter_map_backends") == 2, "two backends")
        self.assertEqual(self.gateway.metric("presenter_closes_total", reason="internal"), 0)

    def test_clients_max_holds_at_once(self):
        self.install()
        self.echo_client()
        self.reload({"limits": {"clients_max": 1}})
        waiting = self.tls_socket()
        self.wait_until(lambda: self.gateway.metric("presenter_accept_paused",
                                                    limit="clients_max") == 1, "it is full")
        waiting.close()
        self.reload()
        self.echo_client()

    def tls_socket(self):
        import socket  # pylint: disable=import-outside-toplevel
        host, port = self.gateway.address.rsplit(":", 1)
        return socket.create_connection((host, int(port)))

    def test_the_record_follows(self):
        weights = self.path("weights")
        dns = {"publisher": "file", "record": "chat.example", "addresses": ["192.0.2.1"],
               "interval": "1s"}
        self.install({"dns": dns, "dns.file": {"path": weights}})
        self.wait_until(lambda: os.path.exists(weights), "it is published")
        self.reload({"dns.file": {"path": weights + ".other"}})
        self.wait_until(lambda: os.path.exists(weights + ".other"), "it is published elsewhere")
        before = self.gateway.metric("presenter_dns_publications_total", result="ok")
        self.assertGreaterEqual(before, 2)

    # --- attacks

    def test_a_storm_of_signals_is_few_reloads(self):
        self.install()
        self.write({"log": {"level": "debug"}})
        for _ in range(300):
            self.gateway.signal(signal.SIGHUP)
        self.wait_until(lambda: self.values()["log.level"] == "debug", "it is taken")
        self.write({"log": {"level": "warning"}})
        self.gateway.signal(signal.SIGHUP)
        self.wait_until(lambda: self.values()["log.level"] == "warning", "the last one counts")
        self.assertLess(self.reloads("done"), 100)
        self.echo_client()

    def test_a_file_that_is_exchanged_meanwhile_is_taken_whole(self):
        self.install()
        pairs = {"1s": "2s", "3s": "4s"}
        ends = threading.Event()

        def exchange():
            while not ends.is_set():
                for first, second in pairs.items():
                    self.write({"auth": {"timeout": first}, "tls": {"handshake_timeout": second}})
        thread = threading.Thread(target=exchange)
        thread.start()
        try:
            for _ in range(50 if IS_LONG else 10):
                status, answer = self.order()
                self.assertEqual(status, 200, answer)
                values = self.values()
                self.assertEqual(pairs.get(values["auth.timeout"], "10s"),
                                 values["tls.handshake_timeout"])
        finally:
            ends.set()
            thread.join()

    def test_not_while_an_upgrade_is_under_way(self):
        self.install()
        gate, program = self.path("gate"), self.path("slow")
        os.mkfifo(gate)
        with open(program, "w", encoding="ascii") as file:
            file.write(f'#!/bin/sh\nread word < {gate}\nexec {PROGRAMS}/presenter "$@"\n')
        os.chmod(program, 0o700)
        request = urllib.request.Request(
            f"http://{self.gateway.admin}/upgrade?dry_run=1&program={program}", method="POST")
        urllib.request.urlopen(request, timeout=60).close()
        self.write({"log": {"level": "debug"}})
        status, answer = self.order()
        self.assertEqual(status, 409)
        self.assertIn("an upgrade is under way", answer["error"])
        with open(gate, "w", encoding="ascii") as file:
            file.write("go\n")
        self.wait_until(lambda: json.loads(self.gateway.get("/upgrade")[1])["step"] == "idle",
                        "the upgrade is over")
        self.assertEqual(self.order()[0], 200)

    def test_while_it_drains(self):
        self.install({"drain": {"quiet": "24h"}})
        here = self.echo_client()
        self.gateway.signal(signal.SIGTERM)
        self.wait_until(lambda: self.gateway.get("/readyz")[0] == 503, "it drains")
        changed, _ = self.reload({"balance": {"floor": 0.5}, "drain": {"quiet": "1s"}})
        self.assertEqual(set(changed), {"balance.floor", "drain.quiet"})
        self.assertEqual(self.gateway.get("/readyz")[0], 503)
        self.assert_echoes(here)


@contextlib.contextmanager
def environment(**variables):
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]


if __name__ == "__main__":
    main()
