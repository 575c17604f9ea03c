"""Debian's PowerDNS, with a zone in SQLite, its HTTP API and LUA records."""

import collections
import json
import os
import sqlite3
import subprocess
import urllib.error
import urllib.request

from cluster import Process, free_port, wait_until

SCHEMA = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"
START_SECONDS = 60


class PowerDns(Process):
    """Started on free ports, in its folder; the machine's own PowerDNS is not touched.

    It has the zone `zone` with a name server and nothing else."""

    def __init__(self, folder, zone="example", api_key="secret"):
        self.zone = zone
        self.api_key = api_key
        self.dns_port = free_port()
        self.api_port = free_port()
        self.settings = {
            "launch": "gsqlite3", "gsqlite3-database": os.path.join(folder, "powerdns.sqlite3"),
            "gsqlite3-dnssec": "no", "socket-dir": folder, "local-address": "127.0.0.1",
            "local-port": self.dns_port, "api": "yes", "api-key": api_key, "webserver": "yes",
            "webserver-address": "127.0.0.1", "webserver-port": self.api_port,
            "enable-lua-records": "yes", "security-poll-suffix": "", "daemon": "no",
            "guardian": "no", "disable-syslog": "yes", "loglevel": 4}
        super().__init__("powerdns", folder, ["/usr/sbin/pdns_server", f"--config-dir={folder}"])
        with sqlite3.connect(self.settings["gsqlite3-database"]) as database, \
                open(SCHEMA, encoding="ascii") as schema:
            database.executescript(schema.read())

    @property
    def url(self):
        return f"http://127.0.0.1:{self.api_port}"

    def start(self):
        with open(os.path.join(self.folder, "pdns.conf"), "w", encoding="ascii") as file:
            file.writelines(f"{name}={value}\n" for name, value in self.settings.items())
        super().start()
        wait_until(self._is_up, START_SECONDS, f"PowerDNS answers\n{self.log_tail()}")
        return self

    def add_zone(self):
        self.call("POST", "/zones", {"name": f"{self.zone}.", "kind": "Native",
                                     "nameservers": [f"ns.{self.zone}."]})

    def record_sets(self):
        """{(name, type): [contents]} of the zone, without its SOA, which counts the changes."""
        sets = self.call("GET", f"/zones/{self.zone}.")["rrsets"]
        return {(each["name"], each["type"]): [record["content"] for record in each["records"]]
                for each in sets if each["type"] != "SOA"}

    def replace(self, name, kind, contents):
        """Sets what is under this name, as somebody else; nothing, if there are no contents."""
        self.call("PATCH", f"/zones/{self.zone}.", {"rrsets": [{
            "name": f"{name}.", "type": kind, "ttl": 60,
            "changetype": "REPLACE" if contents else "DELETE",
            "records": [{"content": content, "disabled": False} for content in contents]}]})

    def set_metadata(self, kind, value):
        """By PowerDNS's own program, for its API does not take every kind."""
        subprocess.run(["/usr/bin/pdnsutil", f"--config-dir={self.folder}", "set-meta", self.zone,
                        kind, value], check=True, capture_output=True)

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.url}/api/v1/servers/localhost{path}", method=method,
            data=json.dumps(body).encode() if body else None, headers={"X-API-Key": self.api_key})
        with urllib.request.urlopen(request, timeout=START_SECONDS) as reply:
            content = reply.read()
        return json.loads(content) if content else None

    def dig(self, name, kind="A", times=1, options=("+short",)):
        """The lines of the answers to so many queries."""
        queries = os.path.join(self.folder, "queries")
        with open(queries, "w", encoding="ascii") as file:
            file.writelines([f"{name} {kind}\n"] * times)
        command = ["dig", "@127.0.0.1", "-p", str(self.dns_port), *options, "-f", queries]
        run = subprocess.run(command, check=True, capture_output=True, text=True,
                             stdin=subprocess.DEVNULL)
        return run.stdout.splitlines()

    def count_answers(self, name, kind="A", times=1000):
        """How often each address came."""
        return collections.Counter(self.dig(name, kind, times))

    def _is_up(self):
        try:
            self.call("GET", "")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True
