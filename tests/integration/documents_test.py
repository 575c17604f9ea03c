"""Every command and expression of our documents is run, or held against the program that it is of.

A block of code or a command in the text that no recipe here knows fails: whoever writes one into a
document says here how it is checked. What stands in for a placeholder is in the tables below.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import documents
from client_case import ClientCase
from processes import PROGRAMS, ROOT, Process, free_port, main, toml
from promql import Expression, PromqlError

FILES = sorted(documents.markdown_files(ROOT))
BLOCKS = [block for path in FILES for block in documents.blocks(ROOT, path)]
MONITORING = os.path.join(ROOT, "deploy/monitoring.md")
ALARMS = os.path.join(ROOT, "deploy/alarms.yml")
RECORDINGS = os.path.join(ROOT, "deploy/recordings.yml")

# What a block is, by how it begins.
RECIPES = {
    "deploy/demo [": "synopsis", "deploy/demo --scale": "synopsis",
    "deploy/demo --upgrade": "synopsis",
    "tests/run [": "synopsis", "presenter --config FILE": "synopsis",
    "presenter --help-config": "synopsis",
    "presenterctl shards ": "synopsis", "presenterctl gateway drain ": "synopsis",
    "presenterctl gateway upgrade ": "synopsis", "presenterctl gateway reload ": "synopsis",
    "terminationGracePeriodSeconds": "pod", "PRESENTER_BIN=$PWD/": "synopsis",
    "[listen]": "configuration", "[tls]": "configuration", "[[server]]": "map_file",
    "mkdir -p build/try": "by_hand", "curl --fail": "by_hand_asked",
    "bench/peers/run --": "synopsis",
    "bench/handoff/run [": "synopsis", "bench/upgrade/run [": "synopsis",
    "bench/dashboard/run [": "synopsis",
    "presenter-load ": "synopsis",
    # What unit.bench.capacity runs.
    "bench/capacity/calculate ": None, "gateways, one of them": None,
    "install -m 755 build/": "as_a_service", "apt-get install haproxy": "measurement",
    "tests/unit/protocol/wire/frame_vectors.py": "frame_vectors",
    "fencing_test ": "schedules", "mux_simulation_test ": "schedules",
    "cmake --preset dev": "work", "build/dev/bin/": "work", '{"host":': "entry",
    'A "--[[presenter]]': "lua_record",
    '{"addresses":': "report", '{"record":': "exec_input", "# Weights of": "weight_file",
    "balance_test ": "balance",
    # Pictures, what a command prints, C++, and bytes, which specification_test reads.
    "            ┌": None, " client ──": None, "Summary\n": None, "base ←": None, "+------": None,
    "0000": None, "zk_session ": None, "state at the receiver": None,
    "link lost ──►": None, " any thread\n": None,
    "load_report ": None, "w = 1 + ": None, "// Counts the lines of each client": None,
    "/** Numbers the lines of each client": "java",
    # What tests/sdk builds, in these ways.
    "cmake --preset release": None, "find_package(presenter ": None,
    "set(PRESENTER_SHARD_ROUTER ": None, "g++ -std=c++20 chat.cpp ": None, "@@ -1,": None,
    "openssl req ": None, "build/chat_room/chat_room ": None,  # its client: tests/sdk, too
    "build/chat_room_fleet/": None, "python3 -c 'import struct": "first_packet",
    "// A backend of two threads": None, "on a new link:": None,
    # What a fresh Debian is set up with, as root.
    "apt-get update": None, "cd /etc/presenter": None, "systemd-run ": None,
    "presenter --config /etc/presenter": None, "systemctl --no-pager ": None,
    "apt-get install -y ": None, "apt-get purge ": None, "deploy/install-deps --demo": None,
    # Another program's configuration.
    "loadbalance weighted ": None,
}
# And a command in the text.
COMMANDS = {
    r"presenter --check": "synopsis_in_text",
    r"presenter(ctl|-load|-chatd) [a-z-]+": "synopsis_in_text",
    r"presenterctl gateway [a-z]+( --[a-z]+)?": "synopsis_in_text",
    r"bench/(capacity/run .*|java/run --write)|deploy/install-deps --demo": "synopsis_in_text",
    r"openssl rand 80 > ticket\.key": "ticket_key",
    r"printf 'gateway:%s' .*": "identity",
    r"tests/fuzz/run .*": "fuzz_run",
    r"kill -9": None,  # what the text says of a process that dies
    r"kill %1 %2 %3|\S+/zkCli\.sh -server .*|set /presenter/.*|setAcl .*": "zookeeper_shell",
}
# Certificates that an example's file names stand for: {stem: (names, kind of key)}.
CERTIFICATES = {"server": ("DNS:localhost", "EC_KEY"), "ecdsa": ("DNS:chat.example", "EC_KEY"),
                "rsa": ("DNS:chat.example", "RSA_KEY"),
                "wildcard": ("DNS:*.eu.chat.example", "EC_KEY")}
# A response that an authority would have to sign.
LEFT_OUT = 'ocsp_response = "ecdsa.ocsp"\n'


def recipe_of(block):
    [recipe] = [recipe for begin, recipe in RECIPES.items()
                if block.text.startswith(begin)] or ["unknown"]
    return recipe


def run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120,
                          stdin=subprocess.DEVNULL, **options)


class DocumentsTest(ClientCase):
    def run_well(self, *words, **options):
        done = run(*words, **options)
        self.assertEqual(done.returncode, 0, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    # --- nothing is without a check

    def test_every_block_has_a_recipe(self):
        self.assertGreater(len(BLOCKS), 15)
        for block in BLOCKS:
            with self.subTest(block=str(block)):
                self.assertNotEqual(recipe_of(block), "unknown", block.text)

    def test_every_command_in_the_text_has_a_recipe(self):
        for path in FILES:
            for command in documents.commands_in_text(ROOT, path):
                with self.subTest(path=path, command=command):
                    self.assertTrue(any(re.fullmatch(known, command) for known in COMMANDS))

    def blocks(self, recipe):
        found = [block for block in BLOCKS if recipe_of(block) == recipe]
        self.assertTrue(found, f"no document has a block for the recipe {recipe}")
        return found

    def commands(self, recipe):
        patterns = [known for known, its in COMMANDS.items() if its == recipe]
        return {command for path in FILES for command in documents.commands_in_text(ROOT, path)
                if any(re.fullmatch(known, command) for known in patterns)}

    # --- synopses: what they name, the program's own help has

    def help_of(self, words):
        program = next(word for word in words if "=" not in word and word != "python3")
        path = os.path.join(PROGRAMS if "/" not in program else ROOT, program)
        interpreter = ["/usr/bin/python3", "-B"] if program.endswith(".py") else []
        behind = words[words.index(program) + 1:]
        commands = behind[0].split("|") if behind and re.match(r"[a-z]", behind[0]) else []
        if commands == ["gateway"]:  # which has commands of its own
            interpreter, path, commands = [*interpreter, path], "gateway", [behind[1]]
        environment = {**os.environ, "PYTHONPATH": os.path.join(ROOT, "tests/support")}
        return "".join(self.run_well(*interpreter, path, *command, "--help", env=environment)
                       for command in ([[command] for command in commands] or [[]]))

    def check_synopsis(self, text):
        text = re.sub(r"\(--help lists.*", "--help", text)
        said = self.help_of(re.split(r"\s+", text.strip()))
        for option in re.findall(r"--[a-z][a-z0-9-]+", text):
            self.assertRegex(said, rf"{option}(?![\w-])", text)

    def test_synopses(self):
        for block in self.blocks("synopsis"):
            for line in re.sub(r"\n +\[", " [", block.text).splitlines():
                with self.subTest(block=str(block), line=line):
                    self.check_synopsis(line)
        for command in sorted(self.commands("synopsis_in_text")):
            with self.subTest(command=command):
                self.check_synopsis(command)

    def test_the_order_of_a_pod(self):
        [block] = self.blocks("pod")
        [order] = re.findall(r"command: \[(.*)\]$", block.text, re.M)
        self.check_synopsis(order.replace(",", ""))
        [grace] = re.findall(r"PeriodSeconds: (\d+)$", block.text, re.M)
        [deadline] = re.findall(r"--deadline, (\d+)h", order)
        self.assertGreater(int(grace), int(deadline) * 3600)

    def test_measurements(self):
        [block] = self.blocks("measurement")
        said = self.run_well(os.path.join(ROOT, "bench/peers/run"), "--help")
        packages, build, *runs = block.lines
        self.assertRegex(packages, r"\Aapt-get install [a-z0-9 -]+\Z")
        self.assertIn("cmake --preset release && cmake --build --preset release", build)
        for line in runs:
            for option in re.findall(r"--[a-z]+", line):
                self.assertIn(option, said)

    # --- configurations

    def certificates(self):
        for stem, (names, kind) in CERTIFICATES.items():
            certificates = self.cluster.certificates
            certificates.issue(self.path(stem), names, new_key=getattr(certificates, kind))

    def check_configuration(self, text):
        self.certificates()
        path = self.path("presenter.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        said = run(os.path.join(PROGRAMS, "presenter"), "--config", path, "--check")
        self.assertEqual(said.returncode, 0, said.stderr)
        for line in said.stderr.splitlines():
            # Our throw-away certificates are nobody's idea of good ones.
            self.assertRegex(line, r": tls\..*certificate.* \(warning\)\Z")

    def test_configurations(self):
        with open(self.path("shards.toml"), "w", encoding="utf-8") as file:
            file.write(self.blocks("map_file")[0].text)  # which one of them names
        for block in self.blocks("configuration"):
            with self.subTest(block=str(block)):
                text = block.text.replace(LEFT_OUT, "")
                if "[shards]" not in text:
                    text += toml({"shards": {"zookeeper": "127.0.0.1:2181"}})
                self.check_configuration(text)

    def test_map_files(self):
        for block in self.blocks("map_file"):
            with self.subTest(block=str(block)), open(self.path("shards.toml"), "w",
                                                      encoding="utf-8") as file:
                file.write(block.text)
                file.flush()
                self.check_configuration(toml({
                    "tls": {"certificate": "server.pem", "private_key": "server.key"},
                    "shards": {"file": "shards.toml"}}))

    def test_a_java_example_is_what_the_tests_compile(self):
        folder = os.path.join(ROOT, "protocol/backend_sdk/java/src/test/java/presenter/backend")
        for block in self.blocks("java"):
            [name] = re.findall(r"^public final class (\w+)", block.text, re.M)
            with open(os.path.join(folder, name + ".java"), encoding="utf-8") as file:
                self.assertIn(block.text, file.read())

    def test_json_has_the_fields_of_its_code(self):
        for recipe, path in (("entry", "shard_router/shard_map_codec.cpp"),
                             ("report", "gateway/balance/load_report.cpp"),
                             ("exec_input", "gateway/balance/exec_publisher.cpp")):
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                code = file.read()
            for block in self.blocks(recipe):
                json.loads(block.text)
                for field in re.findall(r'"(\w+)":', block.text):
                    self.assertIn(f'"{field}"', code)

    def test_a_weight_file_is_what_a_unit_test_expects(self):
        with open(os.path.join(ROOT, "tests/unit/gateway/balance/file_publisher_test.cpp"),
                  encoding="utf-8") as file:
            expected = "".join(re.findall(r'^ +"(.*)"\)?;?$', file.read(), re.M))
        for block in self.blocks("weight_file"):
            self.assertIn(block.text.replace("\n", "\\n"), expected)

    def test_a_lua_record_is_what_a_unit_test_expects(self):
        with open(os.path.join(ROOT, "tests/unit/gateway/balance/powerdns/lua_record_test.cpp"),
                  encoding="utf-8") as file:
            expected = file.read()
        for block in self.blocks("lua_record"):
            self.assertIn(block.text.strip().replace('"', '\\"'), expected)

    def test_secrets_are_made_as_they_are_read(self):
        [ticket_key], [identity] = self.commands("ticket_key"), self.commands("identity")
        script = f"umask 077; cd {self.cluster.folder}; {ticket_key}; {identity} > identity"
        self.run_well("bash", "-ec", script)
        self.check_configuration(toml({
            "tls": {"certificate": "server.pem", "private_key": "server.key",
                    "ticket_key_file": "ticket.key"},
            "shards": {"zookeeper": "127.0.0.1:2181", "zookeeper_auth_file": "identity"}}))

    # --- from nothing to a client that is served

    def test_by_hand(self):
        """The block as it stands, but for its ports; what it starts is waited for, as a person
        does. Then ZooKeeper's shell, on what came of it."""
        ports = {port: str(free_port()) for port in ("2181", "4443", "9100", "4100")}

        def own(text):
            text = text.replace("../release/bin/", PROGRAMS + "/")
            return re.sub(r"\b(2181|4443|9100|4100)\b", lambda match: ports[match.group()], text)

        [begun], [asked] = self.blocks("by_hand"), self.blocks("by_hand_asked")
        servers = self.cluster.start(Process("by_hand", self.cluster.folder, [
            "bash", "-ec", own(begun.text) + "wait"]))
        servers.wait_for_line(r"presenter ready: listening on \S+:" + ports["4443"])
        servers.wait_for_line(r"info link to chat-a is up")
        script = f"cd {self.cluster.folder}/build/try\n" + own(asked.text)
        said = self.run_well("bash", "-ec", script)
        self.assertRegex(said, r"(?m)\Aready$")
        self.assertRegex(said, r"(?m)^chat-a +up +\d of \d ")
        self.assertIn("verdict: ok\n", said)
        self.check_zookeeper_shell(own, servers)

    def check_zookeeper_shell(self, own, servers):
        [shell, kill, *_] = sorted(self.commands("zookeeper_shell"))
        orders = [command for command in self.commands("zookeeper_shell")
                  if command.startswith("set")]
        self.assertEqual((kill, len(orders)), ("kill %1 %2 %3", 2))
        typed = "addauth digest chat:secret\n" + "\n".join(sorted(orders)) + "\nquit\n"
        done = subprocess.run(own(shell).split(), input=typed, text=True, capture_output=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for wrong in ("ERROR", "Exception", "not valid", "does not have the form", "usage"):
            self.assertNotIn(wrong, done.stdout + done.stderr)
        self.assertTrue(servers.is_running())

    def test_as_a_service(self):
        """In a root of its own, with programs that only note who would have been called."""
        [block] = self.blocks("as_a_service")
        root = self.path("root")
        for folder in ("usr/bin", "etc/systemd/system", "stubs"):
            os.makedirs(os.path.join(root, folder))
        for name in ("useradd", "systemctl"):
            stub = os.path.join(root, "stubs", name)
            with open(stub, "w", encoding="ascii") as file:
                file.write(f'#!/bin/sh\necho "{name} $*" >> {root}/called\n')
            os.chmod(stub, 0o755)
        text = re.sub(r" (/usr/bin|/etc)/", rf" {root}\1/", block.text)
        text = text.replace("build/release/bin/", PROGRAMS + "/")
        text = text.replace(" -o root -g presenter", "")
        text = text.replace(" /etc/presenter ", f" {root}/etc/presenter ")
        made, served = text.split("presenter --config", 1)
        environment = {**os.environ, "PATH": f"{root}/stubs:{root}/usr/bin:{os.environ['PATH']}"}
        self.run_well("bash", "-ec", made, cwd=ROOT, env=environment)
        self.certificates()
        for name in ("server.pem", "server.key"):
            shutil.copy(self.path(name), os.path.join(root, "etc/presenter"))
        shutil.copy(os.path.join(ROOT, "deploy/presenter.toml"), f"{root}/etc/presenter")
        self.run_well("bash", "-ec", "presenter --config" + served, cwd=ROOT, env=environment)
        with open(os.path.join(root, "called"), encoding="ascii") as file:
            called = file.read()
        self.assertEqual(called.splitlines(), ["useradd --system --no-create-home presenter",
                                               "systemctl enable --now presenter",
                                               "systemctl reload presenter"])

    def test_a_first_packet_is_a_member_of_the_chat_rooms(self):
        [block] = self.blocks("first_packet")
        made, _ = block.text.split("(cat first_packet")
        self.run_well("bash", "-ec", made, cwd=self.cluster.folder)
        sys.path.insert(0, os.path.join(ROOT, "examples/chat_room"))
        from member import first_packet  # pylint: disable=import-outside-toplevel
        with open(self.path("first_packet"), "rb") as file:
            self.assertEqual(file.read(), first_packet("our-room"))

    # --- those who work on it

    def test_commands_of_those_who_work_on_it(self):
        """Presets, programs and tests that there are."""
        with open(os.path.join(ROOT, "CMakePresets.json"), encoding="utf-8") as file:
            presets = {preset["name"] for preset in json.load(file)["buildPresets"]}
        for line in [line for block in self.blocks("work") for line in block.lines]:
            with self.subTest(line=line):
                self.assertLessEqual(set(re.findall(r"--preset (\S+)", line)), presets)
                for name in re.findall(r"integration\.(\w+)", line):
                    self.assertTrue(os.path.exists(f"{ROOT}/tests/integration/{name}_test.py"))
                names = re.findall(r"build/\w+/bin/(\S+)", line)
                if "--target" in line:
                    names += line.split("--target ")[1].split()
                for name in names:
                    self.assertTrue(os.access(os.path.join(PROGRAMS, name), os.X_OK), name)
                if "--gtest_filter" in line:
                    words = shlex.split(line)[1:] + ["--gtest_list_tests"]
                    said = self.run_well(os.path.join(PROGRAMS, names[0]), *words)
                    self.assertRegex(said, r"(?m)^\w+\.$")
                if line.startswith("python3 "):
                    self.assertTrue(os.path.exists(os.path.join(ROOT, line.split()[1])))

    def test_frame_vectors_are_written_as_they_stand(self):
        [block] = self.blocks("frame_vectors")
        vectors = "protocol/vectors/frames.json"
        copy = shutil.copy(os.path.join(ROOT, vectors), self.path("frames.json"))
        words = block.text.replace("\\\n", "").replace(vectors, copy).split()
        self.run_well("/usr/bin/python3", "-B", *words, cwd=ROOT)
        with open(copy, encoding="utf-8") as ours, \
                open(os.path.join(ROOT, vectors), encoding="utf-8") as theirs:
            self.assertEqual(ours.read(), theirs.read())

    def test_schedules(self):
        """One schedule is run; what the other lines set is read by the program."""
        with open(os.path.join(ROOT, "tests/support/schedules.hpp"), encoding="utf-8") as file:
            read = file.read()
        for block in self.blocks("schedules"):
            for name in re.findall(r"\b(PRESENTER_S\w+)=", block.text):
                with self.subTest(name=name):
                    self.assertIn(f'"{name}"', read)
            one = re.search(r"PRESENTER_SEED=123 (\w+(?: --gtest_filter=\S+)?)", block.text)
            self.run_well("bash", "-ec", f"PRESENTER_SEED=123 {PROGRAMS}/{one.group(1)}")

    def test_the_simulated_fleet_is_run_as_it_says(self):
        """Its programs are built; one, which is a test, reads the seed. The other needs minutes."""
        folder = os.path.join(ROOT, "tests/balance")
        with open(os.path.join(folder, "CMakeLists.txt"), encoding="utf-8") as file:
            built = file.read()
        with open(os.path.join(folder, "balance_test.cpp"), encoding="utf-8") as file:
            self.assertIn('"PRESENTER_SEED"', file.read())
        for block in self.blocks("balance"):
            for name in re.findall(r"\bbalance_\w+", block.text):
                self.assertIn(name, built)
            for path in re.findall(r"\btests/\S+|\bgateway/\S+\.svg", block.text):
                self.assertTrue(os.path.exists(os.path.join(ROOT, path)), path)

    def test_fuzz_runs_name_targets_that_there_are(self):
        for command in self.commands("fuzz_run"):
            target = command.split()[1]
            if target != "TARGET":
                self.assertTrue(os.path.exists(f"{ROOT}/tests/fuzz/{target}_fuzz.cpp"), target)

    # --- alarms

    def alarms(self):
        with open(ALARMS, encoding="utf-8") as file:
            rules = re.findall(r"^      - alert: (\w+)\n        expr: (.+)$", file.read(), re.M)
        with open(MONITORING, encoding="utf-8") as file:
            table = file.read().split("## Worth an alarm")[1].split("\n## ")[0]
        self.assertEqual(sorted(name for name, _ in rules),
                         sorted(re.findall(r"`(Presenter\w+)`", table)))
        return rules

    def families(self, gateway):
        """On this gateway's page, those that only others have, by the document, and what
        Prometheus makes of them.
        """
        with open(RECORDINGS, encoding="utf-8") as file:
            recorded = set(re.findall(r"^      - record: (\S+)$", file.read(), re.M))
        with open(MONITORING, encoding="utf-8") as file:
            metrics = file.read().split("## Metrics")[1].split("\n## ")[0]
        return recorded | set(re.findall(r"^# TYPE (\S+)", gateway.get("/metrics")[1], re.M)) | {
            f"presenter_{name}" for name in re.findall(r"`(\w+)`", metrics)}

    def heard(self, scrapes, families):
        """The names of those that these scrapes of one gateway set off."""
        names = set()
        for name, text in self.alarms():
            with self.subTest(alarm=name):
                expression = Expression(text, scrapes, families)
                self.assertTrue(expression.is_condition, f"{text} holds always")
                if expression.value:
                    names.add(name)
        return names

    def test_alarms_are_heard_when_there_is_reason(self):
        _, servers, gateway = self.zookeeper_installation(("chat-a", "chat-b"))
        self.served_client("couple", gateway=gateway)
        families = self.families(gateway)
        quiet = [(0, gateway.metrics().samples)]
        quiet.append((60, gateway.metrics().samples))
        # Alone, without an identity.
        always = {"PresenterTicketsNotShared"}
        self.assertEqual(self.heard(quiet, families), always)
        for server in servers:
            server.kill()
        self.wait_until(lambda: gateway.metric("presenter_links_up") == 0, "no link is left")
        self.assertEqual(self.heard(quiet[:1] + [(60, gateway.metrics().samples)], families),
                         always | {"PresenterNotReady", "PresenterLinksMissing"})

        for wrong in (r'rate(presenter_closes_total{reason=~"no_shard\|internal"}[5m]) > 0',
                      'presenter_closes_total{reason="of no such name"} > 0',
                      'presenter_closes_total{cause="internal"} > 0', "presenter_redy == 0",
                      "sum without (reason) (presenter_accept_paused) > 0", "presenter_ready ==",
                      "rate(presenter_links_up[5m]) > 0", "presenter_ready == 0)", "1 > 0"):
            with self.subTest(wrong=wrong), self.assertRaises(PromqlError):
                Expression(wrong, quiet, families)
        rate = Expression("rate(presenter_closes_total[5m])", quiet, families)
        self.assertFalse(rate.is_condition)


if __name__ == "__main__":
    main()
