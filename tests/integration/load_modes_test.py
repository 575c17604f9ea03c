"""presenter-load against TLS servers of others: each mode once, its results, and bad days."""

import asyncio
import base64
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time
import zlib

from processes import PROGRAMS, ROOT, InstallationTest, main
from tls_echo import TlsEcho

README = os.path.join(ROOT, "bench/load_generator/README.md")


def keys_in_readme(mode):
    """Of its results: those of storm stand in a sentence, those of the others in a table."""
    with open(README, encoding="utf-8") as file:
        text = file.read()
    if mode == "storm":
        places = [re.search(r"`storm` has keys of its own: ([^.]*)", text).group(1)]
    else:
        rows = text[text.index("| key |"):].split("\n\n")[0].splitlines()
        places = [row.split("|")[1] for row in rows]
    return set(re.findall(r"`([a-z0-9_]+)`", " ".join(places)))


def counts_of(line):
    """How many values a line of an HdrHistogram log holds."""
    packed = base64.b64decode(line.split(",")[-1])
    assert packed[:4] == b"\x1c\x84\x93\x14"
    plain = zlib.decompress(packed[8:])
    assert plain[:4] == b"\x1c\x84\x93\x13"
    total, at = 0, 40
    while at < len(plain):
        value = shift = 0
        while True:
            byte = plain[at]
            at += 1
            value |= (byte & 0x7f if shift < 56 else byte) << shift
            shift += 7
            if byte < 0x80 or shift > 56:
                break
        total += max(0, (value >> 1) ^ -(value & 1))
    return total


class LoadModesTest(InstallationTest):
    def start(self, mode, server, *words, limits=None):
        path = self.path(f"{mode}-{time.monotonic_ns()}.json")
        where = ["--gateway", server.address, "--json", path]
        if mode != "storm":
            where += ["--insecure", "--no-progress"]
        child = subprocess.Popen([os.path.join(PROGRAMS, "presenter-load"), mode, *where, *words],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 preexec_fn=limits)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        child.json = path
        return child

    def finish(self, child, status=0):
        """(its JSON, its report)"""
        report, errors = child.communicate(timeout=120)
        self.assertEqual(child.returncode, status, report + errors)
        with open(child.json, encoding="utf-8") as file:
            return json.load(file), report

    def echo_server(self, serve=TlsEcho.echo):
        server = TlsEcho(self.cluster.certificates, serve)
        server.__enter__()
        self.addCleanup(server.__exit__)
        return server

    # --- each mode

    def test_every_mode_against_a_byte_echo(self):
        server = self.echo_server()
        plain = ["--first-packet", "/dev/null", "--clients", "6"]
        runs = [self.start("echo", server, *plain, "--rate", "20", "--seconds", "1"),
                self.start("echo", server, "--clients", "3", "--window", "2", "--seconds", "1"),
                self.start("flood", server, *plain, "--seconds", "1"),
                self.start("soak", server, *plain, "--seconds", "2", "--stay", "0.5",
                           "--total-rate", "100"),
                self.start("hold", server, *plain, "--first-answer", "none", "--seconds", "0.2"),
                self.start("reconnect", server, *plain, "--first-answer", "none", "--losses", "2"),
                self.start("storm", server, "--seconds", "3", "--resume"),
                self.start("storm", server, "--seconds", "3", "--hellos")]
        results = [self.finish(run) for run in runs]
        for (result, report), mode in zip(results, "echo echo flood soak hold reconnect storm storm"
                                          .split()):
            self.assertEqual(result["mode"], mode)
            self.assertIn(f"presenter-load {mode}: ", report)
            self.assertIn("\ngenerator\n", report)
            self.assertEqual(set(result), keys_in_readme(mode))
        rated, closed, flooded, soaked, held, lost, storm, hellos = [each for each, _ in results]
        for result in (rated, closed, flooded, soaked):
            self.assertGreater(result["messages"]["delivered"], 0)
            self.assertEqual(result["messages"]["delivered"], result["messages"]["sent"])
            self.assertEqual(result["latency_us"]["count"], result["messages"]["sent"])
            self.assertEqual(sum(each["delivered"] for each in result["series"]),
                             result["messages"]["delivered"])
        self.assertGreater(soaked["left"], 0)
        self.assertEqual(held["messages"]["sent"], 0)
        self.assertEqual([(each["lost"], each["everyone_back"]) for each in lost["losses"]],
                         [(6, True)] * 2)
        self.assertEqual(lost["back_us"]["count"], 12)
        self.assertGreater(storm["resumed"], 0)
        self.assertGreater(hellos["done"], 0)

    def test_couples_of_two_processes_that_chat(self):
        _, gateway = self.static_installation()
        result, _ = self.finish(self.start("chat", gateway, "--clients", "8", "--processes", "2",
                                           "--threads", "2", "--seconds", "1", "--rate", "20"))
        self.assertEqual(result["clients_served"], 8)
        self.assertEqual(result["streams_per_server"], {"chat-a": 8})
        self.assertGreater(result["messages"]["delivered"], 50)

    def test_a_protocol_of_somebody_elses(self):
        server = self.echo_server(TlsEcho.frames)
        os.mkdir(self.path("logins"))
        for name in ("ann", "ben"):
            self.write_private(f"logins/{name}", b"\0\0\0\3" + name.encode())
        message = self.write_private("message", b"\0\0\0\4ping")
        words = ["--first-packet", self.path("logins"), "--answers", "frames", "--clients", "4",
                 "--seconds", "0.5", "--rate", "50"]
        runs = [self.start("echo", server, *words),
                self.start("echo", server, *words, "--message", message)]
        for result, _ in map(self.finish, runs):
            self.assertGreater(result["messages"]["delivered"], 10)
        # Who waits for bytes is told that these are others.
        result, _ = self.finish(self.start("echo", server, "--clients", "1", "--connect-timeout",
                                           "10", "--seconds", "0.1"), status=1)
        self.assertIn("first packet not echoed", result["failures"])

    def test_a_log_of_histograms(self):
        log = self.path("log")
        result, _ = self.finish(self.start(
            "echo", self.echo_server(), "--clients", "5", "--rate", "50", "--seconds", "1",
            "--interval", "0.3", "--processes", "2", "--hdr-log", log))
        with open(log, encoding="ascii") as file:
            lines = [line for line in file if line[0] not in '#"']
        self.assertGreater(len(lines), 2)
        self.assertEqual(sum(map(counts_of, lines)), result["messages"]["delivered"])

    def test_a_ramp_ends_where_it_is_too_slow(self):
        result, report = self.finish(self.start(
            "echo", self.echo_server(), "--clients", "5", "--total-rate", "100", "--ramp",
            "--ramp-step", "0.4", "--ramp-p99", "0.0001"))
        [step] = result["ramp"]["steps"]
        self.assertEqual(step["rate"], 100)
        self.assertNotEqual(step["verdict"], "good")
        self.assertEqual(result["ramp"]["knee"], 0)
        self.assertIn("knee: 0 messages a second", report)

    def test_a_page_that_compares_runs(self):
        server = self.echo_server()
        runs = [self.start("echo", server, "--clients", "2", "--rate", rate, "--seconds", "0.5")
                for rate in ("10", "50")]
        for run in runs:
            self.finish(run)
        page = self.path("page.html")
        command = [os.path.join(PROGRAMS, "presenter-load"), "plot", "-o", page, runs[0].json]
        subprocess.run([*command, f"</script>={runs[1].json}"], check=True)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        self.assertNotRegex(text, r'(src|href)\s*=|url\(|@import')  # nothing from elsewhere
        [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)
        names = [run["name"] for run in json.loads(data)["runs"]]
        self.assertEqual(names, [os.path.basename(runs[0].json).removesuffix(".json"), "</script>"])
        for words in (["/nowhere"], ["/dev/null"], [__file__]):
            done = subprocess.run([*command[:4], *words], capture_output=True, text=True,
                                  check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words[0], done.stderr)

    def test_its_manual_has_the_options_that_it_has(self):
        modes = "hold echo flood chat reconnect soak storm plot".split()
        said = "".join(subprocess.run([os.path.join(PROGRAMS, "presenter-load"), mode, "--help"],
                                      capture_output=True, text=True, check=True).stdout
                       for mode in modes)
        has = {option for line in re.findall(r"^  (-\S+)", said, re.M)
               for option in re.findall(r"--[a-z0-9][a-z0-9-]*", line)}
        manual = os.path.join(ROOT, "deploy/packages/presenter-tools/presenter-load.1")
        with open(manual, encoding="utf-8") as file:
            told = set(re.findall(r"--[a-z0-9][a-z0-9-]*", file.read().replace("\\-", "-")))
        self.assertEqual(told, has - {"--target"})

    # --- bad days

    def test_a_server_that_stands_still_is_as_late_as_it_was(self):
        """Each message that was due meanwhile counts from then, though it could not be sent."""
        async def stall(reader, writer):
            begin = await reader.read(1)
            await asyncio.sleep(1)
            writer.write(begin)
            await TlsEcho.echo(reader, writer)

        result, _ = self.finish(self.start(
            "echo", self.echo_server(stall), "--clients", "1", "--first-packet", "/dev/null",
            "--message-bytes", "60000", "--rate", "50", "--seconds", "3"))
        # More than all the buffers on the way hold.
        self.assertGreater(result["messages"]["sent"], 120)
        self.assertEqual(result["messages"]["skipped"] + result["messages"]["overdue"], 0)
        self.assertGreater(result["latency_us"]["p90"], 500_000)

    def test_a_server_that_never_answers(self):
        server = self.echo_server(TlsEcho.silent)
        refused = self.start("echo", server, "--clients", "2", "--answer-timeout", "0.3",
                             "--connect-timeout", "10", "--seconds", "0.1")
        unanswered = self.start("echo", server, "--clients", "1", "--first-packet", "/dev/null",
                                "--message-bytes", "60000", "--rate", "100", "--seconds", "1",
                                "--drain-timeout", "0.5")
        unanswered_storm = self.start("storm", server, "--seconds", "3")
        result, _ = self.finish(refused, status=1)
        self.assertIn("no answer in time", " ".join(result["failures"]))
        result, report = self.finish(unanswered, status=1)
        messages = result["messages"]
        self.assertEqual(messages["delivered"], 0)
        self.assertGreater(messages["lost"], 0)
        self.assertFalse(result["drained"])
        self.assertIn("verdict: FAILED", report)
        self.finish(unanswered_storm)  # the tickets of its handshakes came
        with socket.create_server(("127.0.0.1", 0)) as mute:
            server.address = "127.0.0.1:%d" % mute.getsockname()[1]
            for words in ([], ["--hellos"]):
                result, _ = self.finish(self.start("storm", server, "--seconds", "0.3",
                                                   *words), status=1)
                self.assertEqual((result["done"], result["failures"]), (0, 0))
                self.assertEqual(result["waiting"], 4)

    def test_a_server_that_resets(self):
        result, _ = self.finish(self.start(
            "echo", self.echo_server(TlsEcho.resets), "--clients", "3", "--rate", "20",
            "--seconds", "1"))
        self.assertIn("Connection reset by peer", result["disconnects_by_reason"])
        self.assertGreater(result["messages"]["interrupted"], 0)
        self.assertGreater(result["reconnects"], 0)

    def test_nobody_there(self):
        result, _ = self.finish(self.start("storm", self.Nobody, "--seconds", "0.2"), status=1)
        self.assertGreater(result["failures"], 0)

    class Nobody:
        address = "127.0.0.1:1"

    def test_a_full_table_of_descriptors(self):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80))

        server = self.echo_server()
        child = self.start("hold", server, "--clients", "1000", limits=few)
        _, said = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 2)
        self.assertRegex(said, r"need more descriptors than the limit of 80.*ulimit -n")

    def test_told_to_end_it_prints_what_it_has(self):
        server = self.echo_server()
        words = ["--clients", "4", "--seconds", "1000"]
        runs = [self.start("hold", server, *words),
                self.start("hold", server, *words, "--processes", "2"),
                self.start("reconnect", server, *words, "--by-hand")]
        storm = self.start("storm", server, "--seconds", "1000")
        for run in runs:
            self.assertEqual(run.stdout.readline(), "ready 4\n")
        for run in [*runs, storm]:
            run.send_signal(signal.SIGINT)
        for run in runs[:2]:
            result, report = self.finish(run)
            self.assertTrue(result["stopped_early"])
            self.assertIn("4 served", report)
            self.assertIn("(stopped early)", report)
        self.finish(runs[2], status=1)  # nobody had lost anything
        _, report = storm.communicate(timeout=60)
        self.assertIn(storm.returncode, (0, 1))

    def test_a_process_of_its_own_that_dies_is_named(self):
        run = self.start("hold", self.echo_server(), "--clients", "4", "--seconds", "1000",
                         "--processes", "2")
        self.assertEqual(run.stdout.readline(), "ready 4\n")
        with open(f"/proc/{run.pid}/task/{run.pid}/children", encoding="ascii") as file:
            first, _ = map(int, file.read().split())
        os.kill(first, signal.SIGKILL)
        result, _ = self.finish(run, status=1)
        self.assertEqual(result["failures"], {"a process of the generator ended by signal 9": 1})
        self.assertEqual(result["clients_served"], 2)

    def test_mistakes_in_its_words(self):
        server = self.echo_server()
        for words, said in [
                (["echo", "--message-bytes", "1:x"], "not VALUE or VALUE:WEIGHT"),
                (["echo", "--message-bytes", "70000"], "from 1 to 65536"),
                (["chat", "--message-bytes", "8"], "from 40 to 65536"),
                (["echo", "--sources", "nowhere"], "neither a number nor an address"),
                (["echo", "--ramp", "--window", "2"], "--ramp needs a rate"),
                (["echo", "--activity", "0"], "nobody sends"),
                (["echo", "--hdr-log", "/nowhere/log"], "cannot write /nowhere/log"),
                (["chat", "--clients", "3"], "must be even"),
                (["echo", "--message", "/dev/null"], "from 1 to 65,536 bytes")]:
            with self.subTest(words=words):
                child = self.start(words[0], server, *words[1:])
                _, errors = child.communicate(timeout=60)
                self.assertEqual(child.returncode, 2)
                self.assertIn(said, errors)
        done = subprocess.run([os.path.join(PROGRAMS, "presenter-load"), "echo", "--gateway",
                               server.address, "--json", "/nowhere/json"],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("cannot write /nowhere/json", done.stderr)


if __name__ == "__main__":
    main()
