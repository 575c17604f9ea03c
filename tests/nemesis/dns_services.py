"""The DNS services that a fleet publishes to, and what they know: which gateways have a record, and
who wrote when."""

import contextlib
import http.client
import http.server
import json
import os
import re
import threading
import time
import urllib.error

from processes import PowerDns
from route53_stand_in import Route53StandIn, Zone

NAME = "chat.example"
ZONE_ID = "Z1D633PJN98FT9"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


class Door:
    """Before PowerDNS, one for each gateway, so that it is known who wrote.

    While `is_throttling` it answers as a proxy that has had enough. While `passes` is not set,
    replies wait here; `has_held` one."""

    def __init__(self, service):
        self.is_throttling = False
        self.passes, self.has_held = threading.Event(), threading.Event()
        self.passes.set()
        self.writes = []  # by the monotonic clock
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 60

            def do_GET(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if door.is_throttling:
                    return self.answer(429, b'{"error": "too many requests"}')
                try:
                    status, reply = door.ask(service, self, body)
                except (OSError, http.client.HTTPException):
                    self.close_connection = True  # as whoever is away
                    return None
                if not door.passes.is_set():
                    door.has_held.set()
                    door.passes.wait(60)
                return self.answer(status, reply)

            do_PATCH = do_GET

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """Gateways are killed while they wait for an answer."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def ask(self, service, request, body):
        headers = {name: request.headers[name] for name in ("X-API-Key", "Content-Type")
                   if name in request.headers}
        connection = http.client.HTTPConnection("127.0.0.1", service.api_port, timeout=30)
        with contextlib.closing(connection):
            connection.request(request.command, request.path, body or None, headers)
            reply = connection.getresponse()
            content = reply.read()
        if request.command == "PATCH":
            self.writes.append(time.monotonic())
        return reply.status, content

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class RealPowerDns:
    """Debian's PowerDNS with a door for each gateway. Gateways are numbered from 1 on."""

    name = "powerdns"
    wall_jumps = (-365 * 86400, 365 * 86400)  # it has no part in what is published

    def __init__(self, cluster, count):
        self.process = cluster.start(PowerDns(cluster.folder))
        self.process.add_zone()
        self.key_file = os.path.join(cluster.folder, "powerdns.key")
        with open(os.open(self.key_file, os.O_WRONLY | os.O_CREAT, 0o600), "w",
                  encoding="ascii") as file:
            file.write(self.process.api_key + "\n")
        self.doors = {number: Door(self.process) for number in range(1, count + 1)}

    def tables(self, number):
        return {"dns": {"publisher": "powerdns", "record": NAME},
                "dns.powerdns": {"url": self.doors[number].url, "zone": self.process.zone,
                                 "api_key_file": self.key_file}}

    @staticmethod
    def environment(_number):
        return {}

    def addresses(self):
        """Those that have a record; None: it is away."""
        try:
            sets = self.process.record_sets()
        except (urllib.error.URLError, OSError, ValueError, http.client.HTTPException):
            return None
        return set(re.findall(r"127\.0\.0\.\d+", json.dumps(list(sets.values()))))

    def writes_of(self, number, since):
        return [at for at in self.doors[number].writes if at >= since]

    def go_away(self, _rng):
        self.process.kill()

    def come_back(self):
        self.process.start()

    def throttle(self, is_throttling):
        for door in self.doors.values():
            door.is_throttling = is_throttling

    def remove_all(self):
        self.process.replace(NAME, "LUA", [])

    def mistakes(self):
        return []

    def close(self):
        for door in self.doors.values():
            door.close()


class StandInForRoute53:
    """Each gateway has a key of its own, so that it is known who wrote."""

    name = "route53"
    # Beyond 300 s the service refuses, as it should; and its certificate is some seconds old.
    wall_jumps = (240,)

    def __init__(self, cluster, count):
        self.zone = Zone("example.")
        keys = {self._key(number): (SECRET, None) for number in range(1, count + 1)}
        self.service = Route53StandIn(cluster.folder, {ZONE_ID: self.zone}, keys)

    @staticmethod
    def _key(number):
        return f"AKIDGATEWAY{number}"

    def tables(self, _number):
        return {"dns": {"publisher": "route53", "record": NAME},
                "dns.route53": {"zone_id": ZONE_ID, "endpoint": self.service.url,
                                "ca_file": self.service.ca_file}}

    def environment(self, number):
        return {"AWS_ACCESS_KEY_ID": self._key(number), "AWS_SECRET_ACCESS_KEY": SECRET}

    def addresses(self):
        with self.service.lock:
            return {address for _, values in self.zone.weights().values() for address in values}

    def writes_of(self, number, since):
        with self.service.lock:
            return [at for at, key in self.service.writers
                    if key == self._key(number) and at >= since]

    def go_away(self, rng):
        self.service.lasting_fault = rng.choice(["unavailable", "failing", "half_close", "lost"])

    def come_back(self):
        self.service.lasting_fault = None

    def throttle(self, is_throttling):
        self.service.lasting_fault = "throttle" if is_throttling else None

    def remove_all(self):
        with self.service.lock:
            self.zone.sets.clear()

    def mistakes(self):
        """What no correct program would have sent."""
        return list(self.service.mistakes)

    def close(self):
        self.service.close()


SERVICES = {each.name: each for each in (RealPowerDns, StandInForRoute53)}
