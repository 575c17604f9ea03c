"""Standard output that takes nothing: what was asked for has not been said, and the exit status
says so, whatever the program. A server serves all the same."""

import os
import subprocess

from processes import PROGRAMS, ROOT, InstallationTest, Process, main

FULL = "/dev/full"  # as a disk that is


class OutputTest(InstallationTest):
    def run_full(self, *words):
        """(exit status, standard error) with a standard output that takes nothing."""
        with open(FULL, "wb") as full:
            done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
                                  check=False, stdin=subprocess.DEVNULL)
        return done.returncode, done.stderr

    def run_closed(self, *words):
        """The same with none at all."""
        done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *words], stderr=subprocess.PIPE,
                              text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
        return done.returncode, done.stderr

    def assert_told(self, program, status, *words):
        for run in (self.run_full, self.run_closed):
            with self.subTest(run=run.__name__, words=words):
                got, said = run(os.path.join(PROGRAMS, program), *words)
                self.assertEqual(got, status, said)
                self.assertIn(f"{program}: cannot write to standard output", said)

    def test_what_is_asked_for_and_not_said_is_a_failure(self):
        _, gateway = self.static_installation()
        certificates = self.cluster.certificates
        self.assert_told("presenter", 1, "--version")
        self.assert_told("presenter", 1, "--help")
        self.assert_told("presenter", 1, "--config", gateway.config_path, "--check")
        for words in (["--version"], ["--help"], ["shards", "--help"],
                      ["shards", "--gateway", gateway.admin],
                      ["shards", "--gateway", gateway.admin, "--json"],
                      ["what-if", "--gateway", gateway.admin, "--remove", "chat-a"]):
            self.assert_told("presenterctl", 5, *words)
        self.assert_told("presenter-chatd", 1, "--help")
        self.assert_told("presenter-load", 2, "--help")
        storm = ["storm", "--gateway", gateway.address, "--seconds", "0.1"]
        self.assert_told("presenter-load", 2, *storm)
        run = ["chat", "--gateway", gateway.address, "--ca", certificates.authority,
               "--server-name", "localhost", "--clients", "2", "--seconds", "0.2", "--no-progress"]
        self.assert_told("presenter-load", 2, *run)
        self.assert_told("presenter-load", 2, *run, "--json", "-")
        status, said = self.run_full(os.path.join(PROGRAMS, "presenter-load"), *run, "--json", FULL)
        self.assertEqual(status, 2)
        self.assertIn(f"cannot write {FULL}", said)

    def test_an_answer_beyond_the_buffer_is_no_other_failure(self):
        """More than stdio holds back: the library that writes it finds out, and throws."""
        (server,) = self.chat_servers(["chat-000"])
        # Behind all names but its own it is a wrong backend, without a link.
        tables = [("chat-000", server.port)]
        tables += [(f"chat-{number:03}-{'x' * 200}", server.port) for number in range(1, 60)]
        path = self.path("many.toml")
        with open(path, "w", encoding="ascii") as file:
            for name, port in tables:
                file.write(f'[[server]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {port}\n')
        gateway = self.cluster.gateway("gateway", {"file": path})
        gateway.wait_ready()
        for words in ([], ["--json"]):
            status, _ = self.run_full(os.path.join(PROGRAMS, "presenterctl"), "shards", "--gateway",
                                      gateway.admin, *words)
            self.assertEqual(status, 5)

    def test_scripts(self):
        for script in ("deploy/demo", "deploy/install-deps", "tests/run"):
            with self.subTest(script=script):
                status, said = self.run_full(os.path.join(ROOT, script), "--help")
                self.assertNotEqual(status, 0)
                self.assertRegex(said, "No space left on device")

    def test_a_server_whose_start_nobody_reads_serves_all_the_same(self):
        servers = self.chat_servers(["chat-a"])
        gateway = self.cluster.gateway("gateway", self.cluster.static_shards(servers))
        gateway.stop()
        for redirection in (f">{FULL}", ">&-"):
            with self.subTest(redirection=redirection):
                silent = self.cluster.start(Process("silent", self.cluster.folder, [
                    "sh", "-c", f'exec "$@" {redirection}', "sh", *gateway.command]))
                silent.wait_for_line("warning standard output does not take the line of a start")
                silent.wait_for_line("info link to chat-a is up")
                self.assertEqual(silent.stop(), 0)


if __name__ == "__main__":
    main()
