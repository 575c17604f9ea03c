"""Route 53 over TLS for tests: strict about each request, and as faulty as a test wants it.

Every request's signature is made again by botocore's own signer, and its target and body by
botocore's serializer from its model of the service: what differs from that is refused, and
noted in `mistakes`. The zone then behaves as the API reference says. That this is a Route 53
at all is shown by the official `aws` program, which tests drive against it.
"""

import collections
import datetime
import email.utils
import http.server
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
import urllib.parse
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.serialize
import botocore.session
import botocore.validate

NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
SKEW_SECONDS_MAX = 300
SETS_MAX = 100  # of one name and type
BATCH_RECORDS_MAX = 1_000
BATCH_CHARACTERS_MAX = 32_000
OPERATIONS = ("ChangeResourceRecordSets", "ListResourceRecordSets", "GetHostedZone")


class Refused(Exception):
    """An answer other than 200; `is_mistake`: no correct program gets it."""

    def __init__(self, status, code, message, is_mistake=False):
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.is_mistake = is_mistake

    def body(self):
        return (f'<?xml version="1.0"?>\n<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender'
                f"</Type><Code>{self.code}</Code><Message>{escape(self.message)}</Message></Error>"
                "<RequestId>b25f48e8-84fd-11e6-80d9-574e0c4664cb</RequestId></ErrorResponse>")


def invalid_batch(message):
    return Refused(400, "InvalidChangeBatch", f"[{message}]")


def wrong(message):
    return Refused(400, "InvalidInput", message, is_mistake=True)


class Model:
    """Requests as parameters, by botocore's model of the service."""

    def __init__(self):
        self.service = botocore.session.Session().get_service_model("route53")
        self._serializer = botocore.serialize.create_serializer("rest-xml",
                                                                include_validation=False)

    def parse(self, method, target, body):
        """The operation's name and its parameters."""
        path, _, query = target.partition("?")
        for name in OPERATIONS:
            operation = self.service.operation_model(name)
            pattern = re.sub(r"\\{Id\\}", "([^/?]+)", re.escape(operation.http["requestUri"]))
            match = re.fullmatch(pattern, path)
            if match and method == operation.http["method"]:
                parameters = self._parameters(operation, match.group(1), query, body)
                self._check(operation, parameters, target, body)
                return name, parameters
        raise wrong(f"no operation has {method} {path}")

    def _parameters(self, operation, zone, query, body):
        shape = operation.input_shape
        by_query = {member.serialization["name"]: (name, member)
                    for name, member in shape.members.items()
                    if member.serialization.get("location") == "querystring"}
        parameters = {}
        if body:
            root = ElementTree.fromstring(body)
            if root.tag != f"{{{NAMESPACE}}}{shape.serialization.get('name')}":
                raise wrong(f"the body is a {root.tag}")
            parameters.update(self._value(root, shape, "the body"))
        for name, member in shape.members.items():
            if member.serialization.get("location") == "uri":
                parameters[name] = urllib.parse.unquote(zone)
        for key, value in urllib.parse.parse_qsl(query, keep_blank_values=True,
                                                 strict_parsing=bool(query)):
            if key not in by_query:
                raise wrong(f"unknown query parameter {key}")
            name, member = by_query[key]
            parameters[name] = self._scalar(value, member, key)
        return parameters

    def _value(self, element, shape, where):
        if shape.type_name == "list":
            tag = shape.member.serialization.get("name", "member")
            return [self._value(self._tagged(each, tag), shape.member, tag) for each in element]
        if shape.type_name != "structure":
            if len(element):
                raise wrong(f"{where} has elements")
            return self._scalar(element.text or "", shape, where)
        if (element.text or "").strip():
            raise wrong(f"{where} has a text")
        order = list(shape.members)
        value = collections.OrderedDict()
        for each in element:
            name = each.tag.replace(f"{{{NAMESPACE}}}", "")
            if name not in shape.members or name in value:
                raise wrong(f"{where} has {each.tag}, unknown or twice")
            if value and order.index(name) < order.index(next(reversed(value))):
                raise wrong(f"in {where}, {name} comes too late")
            value[name] = self._value(each, shape.members[name], name)
        return value

    @staticmethod
    def _tagged(element, tag):
        if element.tag != f"{{{NAMESPACE}}}{tag}":
            raise wrong(f"{element.tag} instead of {tag}")
        return element

    @staticmethod
    def _scalar(text, shape, where):
        if text not in (getattr(shape, "enum", None) or [text]):
            raise wrong(f"{where} cannot be {text!r}")
        if shape.type_name not in ("integer", "long"):
            return text == "true" if shape.type_name == "boolean" else text
        if not re.fullmatch(r"\d+", text) or int(text) > shape.metadata.get("max", int(text)):
            raise wrong(f"{where} cannot be {text!r}")
        return int(text)

    def _check(self, operation, parameters, target, body):
        report = botocore.validate.ParamValidator().validate(parameters, operation.input_shape)
        if report.has_errors():
            raise wrong(report.generate_report())
        again = self._serializer.serialize_to_request(parameters, operation)
        query = urllib.parse.urlencode(again["query_string"], quote_via=urllib.parse.quote)
        if _parts(again["url_path"] + "?" + query) != _parts(target):
            raise wrong(f"botocore would have asked for {again['url_path']}?{query}")
        if body and ElementTree.canonicalize(again["body"]) != ElementTree.canonicalize(body):
            raise wrong("botocore would have sent another body")


def _parts(target):
    path, _, query = target.partition("?")
    return path, sorted(urllib.parse.parse_qsl(query))


def normal_name(name):
    """In lower case, with a dot at its end, and octal codes: as the service lists it."""
    escaped = re.sub(r"[^a-z0-9\-_.\\]", lambda match: f"\\{ord(match.group()):03o}", name.lower())
    return escaped.rstrip(".") + "."


class Zone:
    """The record sets of one name: `sets`, {(name, type, SetIdentifier): set}."""

    def __init__(self, name):
        self.name = name
        self.sets = {}

    def add(self, name, kind, values, **more):
        """What somebody else has there."""
        each = {"Name": normal_name(name), "Type": kind, **more, "TTL": 60,
                "ResourceRecords": [{"Value": value} for value in values]}
        self.sets[self.key(each)] = each

    @staticmethod
    def key(each):
        return normal_name(each["Name"]), each["Type"], each.get("SetIdentifier", "")

    def weights(self, kind="A", name="chat.example."):
        """{SetIdentifier: (weight, [values])}"""
        return {identifier: (each["Weight"], [one["Value"] for one in each["ResourceRecords"]])
                for (its_name, its_kind, identifier), each in self.sets.items()
                if (its_name, its_kind) == (name, kind) and "Weight" in each}

    def change(self, changes):
        """All of them or none."""
        self._check_size(changes)
        after = dict(self.sets)
        for each in changes:
            self._change_one(after, each["Action"], dict(each["ResourceRecordSet"]))
        self.sets = after

    @staticmethod
    def _check_size(changes):
        records = characters = 0
        for each in changes:
            times = 2 if each["Action"] == "UPSERT" else 1
            values = [one["Value"] for one in each["ResourceRecordSet"].get("ResourceRecords", [])]
            records += times * len(values)
            characters += times * sum(map(len, values))
        if records > BATCH_RECORDS_MAX or characters > BATCH_CHARACTERS_MAX:
            raise invalid_batch(f"{records} records of {characters} characters are too many")

    def _change_one(self, sets, action, each):
        each["Name"] = normal_name(each["Name"])
        name, kind, identifier = key = self.key(each)
        if not ("." + name).endswith("." + self.name):
            raise invalid_batch(f"RRSet with DNS name {name} is not permitted in zone {self.name}")
        what = f"resource record set [name='{name}', type='{kind}', set identifier='{identifier}']"
        if action == "DELETE":
            if key not in sets:
                raise invalid_batch(f"Tried to delete {what} but it was not found")
            if sets[key] != each:
                raise invalid_batch(f"Tried to delete {what} but the values provided do not match "
                                    "the current values")
            del sets[key]
            return
        if action == "CREATE" and key in sets:
            raise invalid_batch(f"Tried to create {what} but it already exists")
        same_name = [other for other in sets if other[0] == name and other != key]
        if any("CNAME" in (kind, other[1]) and other[1] != kind for other in same_name):
            raise invalid_batch(f"RRSet of type {kind} with DNS name {name} is not permitted as it "
                                "conflicts with other records with the same DNS name")
        same_type = [sets[other] for other in same_name if other[1] == kind]
        if any(("Weight" in other) != ("Weight" in each) for other in same_type):
            raise invalid_batch(f"RRSet with DNS name {name}, type {kind}, SetIdentifier "
                                f"{identifier} cannot be created as a non-weighted set exists with "
                                "the same name and type")
        if len(same_type) + 1 > SETS_MAX:
            raise invalid_batch(f"Number of records with the name {name} exceeds the limit")
        sets[key] = each

    def page(self, begin, count):
        """Sets from (name, type, identifier) on, and the key of the first one behind them."""
        def place(key):
            return list(reversed(key[0].rstrip(".").split("."))), key[1], key[2]

        rest = [key for key in sorted(self.sets, key=place) if place(key) >= place(begin)]
        return [self.sets[key] for key in rest[:count]], rest[count] if len(rest) > count else None


def make_certificate(folder, name, subject):
    """A self-signed one; returns the paths of certificate and key. By no openssl.cnf of the
    machine's, and as RFC 5280 has authorities: Python from 3.13 on wants that."""
    config = os.path.join(folder, f"{name}.cnf")
    with open(config, "w", encoding="ascii") as file:
        file.write("[req]\ndistinguished_name = name\nx509_extensions = more\n[name]\n[more]\n"
                   "basicConstraints = critical, CA:TRUE\nsubjectKeyIdentifier = hash\n"
                   "keyUsage = critical, keyCertSign, digitalSignature\n"
                   f"subjectAltName = {subject}\n")
    paths = [os.path.join(folder, f"{name}.{end}") for end in ("pem", "key")]
    subprocess.run(
        ["openssl", "req", "-x509", "-config", config, "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-out", paths[0], "-keyout", paths[1]], check=True, capture_output=True)
    return paths


class Server(http.server.ThreadingHTTPServer):
    """A thread for each connection, at any free port. What fails in one is among `mistakes`."""

    daemon_threads = True

    def __init__(self, answer, mistakes):
        super().__init__(("127.0.0.1", 0), answer)
        self._mistakes = mistakes
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()

    def handle_error(self, *_):
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # clients may go when they like
            self._mistakes.append("".join(traceback.format_exception(error)))

    def close(self):
        self.shutdown()
        self.server_close()
        self._thread.join()


class Route53StandIn:
    """Answers at `url`; `ca_file` is whom to trust.

    `zones`: {id: Zone}. `keys`: {id: (secret, token or None)}. `faults`: what happens to the next
    requests, a name each (see `Answer`); `lasting_fault`: to all behind them. `calls`: the
    operations that were asked for and taken for genuine. `writers`: when each change was made, by
    the monotonic clock, and with whose key. `mistakes`: what no correct program would have sent.
    `in_flight_max`: how many
    requests without a fault were there at one time. `clock_ahead`: seconds."""

    def __init__(self, folder, zones, keys, subject="IP:127.0.0.1,DNS:localhost"):
        self.zones, self.keys = zones, keys
        self.faults = collections.deque()
        self.lasting_fault = None
        self.calls, self.writers, self.mistakes = [], [], []
        self.clock_ahead = 0
        self.page_sets = 300
        self.in_flight = self.in_flight_max = 0
        self.ended = threading.Event()
        self.model = Model()
        self.lock = threading.Lock()
        self.ca_file, key_file = make_certificate(folder, "route53", subject)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file, key_file)
        answer = type("BoundAnswer", (Answer,), {"stand_in": self, "context": context})
        self._server = Server(answer, self.mistakes)
        self.port = self._server.server_address[1]
        self.url = f"https://127.0.0.1:{self.port}"

    def close(self):
        self.ended.set()
        self._server.close()

    def now(self):
        return (datetime.datetime.now(datetime.timezone.utc) +
                datetime.timedelta(seconds=self.clock_ahead))

    def authorize(self, method, target, headers, body):
        """By botocore's signer, from what the request says that it has signed. Whose key it is."""
        match = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
            r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})", headers.get("Authorization", ""))
        if not match:
            raise Refused(403, "MissingAuthenticationToken", "Missing Authentication Token",
                          is_mistake=True)
        key, day, region, service, signed, signature = match.groups()
        secret, token = self.keys.get(key, (None, None))
        if secret is None or headers.get("X-Amz-Security-Token") != token:
            raise Refused(403, "InvalidClientTokenId",
                          "The security token included in the request is invalid")
        signed_at = headers.get("X-Amz-Date", "")
        if (region, service) != ("us-east-1", "route53") or not signed_at.startswith(day):
            raise Refused(403, "SignatureDoesNotMatch", "Credential should be scoped correctly",
                          is_mistake=True)
        self._check_time(signed_at)
        names = signed.split(";")
        needed = {"host", "x-amz-date"} | ({"x-amz-security-token"} if token else set())
        if not needed <= set(names):
            raise Refused(403, "SignatureDoesNotMatch", f"only {signed} are signed",
                          is_mistake=True)
        request = botocore.awsrequest.AWSRequest(
            method=method, url=f"https://{headers['Host']}{target}", data=body,
            headers={name: headers[name] for name in names})
        request.context["timestamp"] = signed_at
        signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret, token),
                                         service, region)
        to_sign = signer.string_to_sign(request, signer.canonical_request(request))
        if signer.signature(to_sign, request) != signature:
            raise Refused(403, "SignatureDoesNotMatch",
                          "The request signature we calculated does not match the signature you "
                          "provided.")
        return key

    def _check_time(self, text):
        signed_at = datetime.datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(
            tzinfo=datetime.timezone.utc)
        late = (self.now() - signed_at).total_seconds()
        if abs(late) > SKEW_SECONDS_MAX:
            raise Refused(403, "SignatureDoesNotMatch",
                          f"Signature {'expired' if late > 0 else 'not yet current'}: {text}")

    def answer(self, method, target, headers, body):
        """The body of a reply of status 200."""
        key = self.authorize(method, target, headers, body)
        name, parameters = self.model.parse(method, target, body)
        self.calls.append(name)
        zone_id = parameters.get("HostedZoneId", parameters.get("Id"))
        zone = self.zones.get(zone_id)
        if zone is None:
            raise Refused(404, "NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}")
        if name == "GetHostedZone":
            result = {"HostedZone": {"Id": f"/hostedzone/{zone_id}", "Name": zone.name,
                                     "CallerReference": "1"}}
        elif name == "ListResourceRecordSets":
            result = self._list(zone, parameters)
        else:
            zone.change(parameters["ChangeBatch"]["Changes"])
            self.writers.append((time.monotonic(), key))
            result = {"ChangeInfo": {"Id": "/change/C1", "Status": "PENDING",
                                     "SubmittedAt": "2026-11-28T21:35:34.000Z"}}
        return self._document(name, result)

    def _list(self, zone, parameters):
        begin = (normal_name(parameters.get("StartRecordName", zone.name)),
                 parameters.get("StartRecordType", ""), parameters.get("StartRecordIdentifier", ""))
        count = min(int(parameters.get("MaxItems", 300)), self.page_sets)
        sets, behind = zone.page(begin, count)
        result = {"ResourceRecordSets": sets, "IsTruncated": behind is not None,
                  "MaxItems": str(count)}
        if behind is not None:
            result.update(NextRecordName=behind[0], NextRecordType=behind[1])
            if behind[2]:
                result["NextRecordIdentifier"] = behind[2]
        return result

    def _document(self, operation, result):
        shape = self.model.service.operation_model(operation).output_shape
        text = "".join(self._element(name, shape.members[name], value)
                       for name, value in result.items())
        return (f'<?xml version="1.0" encoding="UTF-8"?>\n<{operation}Response xmlns="{NAMESPACE}">'
                f"{text}</{operation}Response>")

    def _element(self, name, shape, value):
        if shape.type_name == "structure":
            text = "".join(self._element(each, shape.members[each], value[each])
                           for each in shape.members if each in value)
        elif shape.type_name == "list":
            tag = shape.member.serialization.get("name", "member")
            text = "".join(self._element(tag, shape.member, each) for each in value)
        else:
            text = escape(str(value).lower() if isinstance(value, bool) else str(value))
        return f"<{name}>{text}</{name}>"


class Answer(http.server.BaseHTTPRequestHandler):
    """One connection. Faults: throttle, throttle_7 (with Retry-After), busy, failing (500),
    unavailable (503, not XML), garbage, huge, cut (half of the reply), half_close (no reply, but
    the connection stays half open), hang (no reply at all), lost (done, but no reply)."""

    stand_in = None
    context = None
    protocol_version = "HTTP/1.1"
    timeout = 60

    def setup(self):
        self.request.settimeout(self.timeout)
        self.request = self.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self):
        super().finish()
        self.request.close()

    def log_message(self, *_):
        pass

    def do_GET(self):  # pylint: disable=invalid-name
        stand_in = self.stand_in
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with stand_in.lock:
            fault = stand_in.faults.popleft() if stand_in.faults else stand_in.lasting_fault
        if fault in ("hang", "half_close"):
            if fault == "half_close":
                self.request.shutdown(socket.SHUT_WR)
            stand_in.ended.wait()
            self.close_connection = True
            return
        # Of a faulty answer the client may have enough before it has ended.
        counted = 0 if fault else 1
        with stand_in.lock:
            stand_in.in_flight += counted
            stand_in.in_flight_max = max(stand_in.in_flight_max, stand_in.in_flight)
        try:
            self._reply(*self._made(body, fault), fault)
        finally:
            with stand_in.lock:
                stand_in.in_flight -= counted

    do_POST = do_GET

    def _made(self, body, fault):
        """Status and text."""
        if fault in ("throttle", "throttle_7"):
            return 400, Refused(400, "Throttling", "Rate exceeded").body()
        if fault == "busy":
            return 400, Refused(400, "PriorRequestNotComplete",
                                "The request was rejected because Route 53 was still processing a "
                                "prior request.").body()
        if fault == "failing":
            return 500, Refused(500, "InternalFailure", "An internal error occurred").body()
        if fault == "unavailable":
            return 503, "<html>Service Unavailable"
        if fault == "garbage":
            return 200, "<Change"
        if fault == "huge":
            return 200, "x" * (5 * 1024 * 1024)
        with self.stand_in.lock:
            try:
                return 200, self.stand_in.answer(self.command, self.path, self.headers, body)
            except Refused as refused:
                if refused.is_mistake:
                    self.stand_in.mistakes.append(str(refused))
                return refused.status, refused.body()

    def _reply(self, status, text, fault):
        data = text.encode()
        if fault == "lost":
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(data)))
        if fault == "throttle_7":
            self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(data[:len(data) // 2] if fault == "cut" else data)
        self.close_connection = self.close_connection or fault == "cut"

    def date_time_string(self, timestamp=None):
        return email.utils.format_datetime(self.stand_in.now(), usegmt=True)


class MetadataStandIn:
    """An EC2 instance's metadata (IMDSv2), and the endpoint that a container has.

    `keys`: (id, secret, token, seconds until they expire) that are handed out. `mode`: "good",
    "hang", "failing", "no_role". `fetched`: how often keys were."""

    def __init__(self, keys):
        self.keys = keys
        self.mode = "good"
        self.fetched = 0
        self.ended = threading.Event()
        self.mistakes = []
        self._server = Server(type("BoundAnswer", (MetadataAnswer,), {"stand_in": self}),
                              self.mistakes)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self):
        self.ended.set()
        self._server.close()

    def key_reply(self):
        """As JSON."""
        self.fetched += 1
        identifier, secret, token, seconds = self.keys
        expires = (datetime.datetime.now(datetime.timezone.utc) +
                   datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (f'{{"Code": "Success", "AccessKeyId": "{identifier}", "SecretAccessKey": '
                f'"{secret}", "Token": "{token}", "Expiration": "{expires}"}}')


class MetadataAnswer(http.server.BaseHTTPRequestHandler):
    """One request."""

    stand_in = None
    roles = "/latest/meta-data/iam/security-credentials/"

    def log_message(self, *_):
        pass

    def do_PUT(self):  # pylint: disable=invalid-name
        seconds = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        is_good = self.path == "/latest/api/token" and re.fullmatch(r"\d+", seconds)
        self._reply(200 if is_good else 400, "the-token")

    def do_GET(self):  # pylint: disable=invalid-name
        if self.path == "/container/keys?a=b":
            is_known = self.headers.get("Authorization") == "container-secret"
            self._reply(*(200, self.stand_in.key_reply()) if is_known else (401, ""))
        elif self.headers.get("X-aws-ec2-metadata-token") != "the-token":
            self._reply(401, "")
        elif self.path == self.roles and self.stand_in.mode != "no_role":
            self._reply(200, "presenter-role")
        elif self.path == self.roles + "presenter-role":
            self._reply(200, self.stand_in.key_reply())
        else:
            self._reply(404, "")

    def _reply(self, status, text):
        if self.stand_in.mode == "hang":
            self.stand_in.ended.wait()
            return
        if self.stand_in.mode == "failing":
            status, text = 500, ""
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
