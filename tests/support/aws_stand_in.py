"""A machine's metadata (IMDSv2) and the API of Auto Scaling, as far as deploy/hooks/aws-autoscaling
asks them. It writes down what it was asked, and is no more than that: for tests only."""

import http.server
import json
import re
import threading
import urllib.parse

INSTANCE, GROUP, HOOK = "i-0123456789abcdef0", "chat-gateways", "drain"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
TOKEN = "a-token"
XMLNS = "http://autoscaling.amazonaws.com/doc/2011-01-01/"


class AwsStandIn:
    """Serves until `close`. `target_state`: what the group wants of the machine; None: it is in no
    group. `failures`: how many of the next calls of the API are answered 500."""

    def __init__(self):
        self.target_state = "InService"
        self.total_seconds = 48 * 3600
        self.hooks = [HOOK]
        self.failures = 0
        self.calls = []  # (action, parameters) of the API
        self.orders = []  # POST, as a gateway's admin endpoint would get them
        self._lock = threading.Lock()
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                stand_in.answer_metadata(self)

            def do_PUT(self):
                good = (self.path == "/latest/api/token"
                        and self.headers.get("X-aws-ec2-metadata-token-ttl-seconds"))
                self.answer(200 if good else 400, TOKEN)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                if self.path.startswith("/drain"):
                    stand_in.orders.append(self.path)
                    self.answer(200, "{}")
                else:
                    self.answer(*stand_in.answer_call(self.headers, body))

            def answer(self, status, text):
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def environment(self):
        return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{self.address}",
                "AWS_ENDPOINT_URL_AUTO_SCALING": f"http://{self.address}",
                "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_AUTOSCALING_BEAT_SECONDS": "0.1", "AWS_AUTOSCALING_WATCH_SECONDS": "0.1"}

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def count(self, action):
        return sum(called == action for called, _ in self.calls)

    def answer_metadata(self, request):
        if request.headers.get("X-aws-ec2-metadata-token") != TOKEN:
            return request.answer(401, "")
        pages = {"/latest/dynamic/instance-identity/document":
                 json.dumps({"instanceId": INSTANCE, "region": "eu-north-1"}),
                 "/latest/meta-data/autoscaling/target-lifecycle-state": self.target_state}
        page = pages.get(request.path)
        return request.answer(404 if page is None else 200, page or "")

    def answer_call(self, headers, body):
        parameters = dict(urllib.parse.parse_qsl(body))
        action = parameters.pop("Action")
        if not re.search(r"Credential=AKIDEXAMPLE/\d{8}/eu-north-1/autoscaling/aws4_request",
                         headers.get("Authorization", "")):
            return 403, ""
        with self._lock:
            if self.failures > 0:
                self.failures -= 1
                return 500, ""
            self.calls.append((action, parameters))
        member = "".join(f"<member>{text}</member>" for text in self._members(action))
        name = {"DescribeAutoScalingInstances": "AutoScalingInstances",
                "DescribeLifecycleHooks": "LifecycleHooks"}.get(action, "Nothing")
        return 200, (f'<{action}Response xmlns="{XMLNS}"><{action}Result><{name}>{member}</{name}>'
                     f"</{action}Result></{action}Response>")

    def _members(self, action):
        if action == "DescribeAutoScalingInstances" and self.target_state is not None:
            yield (f"<InstanceId>{INSTANCE}</InstanceId>"
                   f"<AutoScalingGroupName>{GROUP}</AutoScalingGroupName>")
        if action == "DescribeLifecycleHooks":
            for hook in self.hooks:
                yield (f"<LifecycleHookName>{hook}</LifecycleHookName>"
                       f"<LifecycleTransition>{TERMINATING}</LifecycleTransition>"
                       "<HeartbeatTimeout>30</HeartbeatTimeout>"
                       f"<GlobalTimeout>{self.total_seconds}</GlobalTimeout>")
