"""What a gateway finds at its start: signals that come early, fewer cores than the machine has,
gateways of the same name, and a map whose addresses are answered by somebody else."""

import os
import re
import signal
import subprocess

from client_case import ClientCase
from processes import PROGRAMS, Gateway, main, toml

# Its signals are the kernel's default for nobody: what it has no handler for is not delivered.
PROCESS_1 = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-current-user"]),
             "--pid", "--fork", "--kill-child"]


def has_admin(gateway):
    try:
        return gateway.get("/healthz")[0] == 200
    except OSError:
        return False


class EnvironmentTest(ClientCase):
    def made_gateway(self, name, servers, tables=None):
        return Gateway(name, self.cluster.folder, PROGRAMS, self.cluster.certificates,
                       self.cluster.static_shards(servers), tables)

    def test_a_hangup_at_any_time_of_a_start_does_not_end_it(self):
        gateway = self.made_gateway("gateway", self.chat_servers(["chat-a"]))
        os.mkfifo(gateway.config_path)
        self.cluster.processes.append(gateway)
        super(Gateway, gateway).start()
        # Opening waits for the reader: the program is in main, and waits for its configuration.
        with open(gateway.config_path, "w", encoding="utf-8") as file:
            for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
                gateway.signal(number)
            file.write(toml(gateway.tables))

        def is_ready():
            gateway.signal(signal.SIGHUP)
            self.assertTrue(gateway.is_running(), gateway.output())
            return re.search("presenter ready", gateway.output())
        self.wait_until(is_ready, "it is ready")
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_line("SIGHUP: nothing of .* is taken over")
        self.assertEqual(gateway.stop(), 0)

    def test_a_signal_while_it_waits_for_its_configuration_ends_it(self):
        gateway = self.made_gateway("gateway", self.chat_servers(["chat-a"]))
        os.mkfifo(gateway.config_path)
        self.cluster.processes.append(gateway)
        super(Gateway, gateway).start()
        with open(gateway.config_path, "w", encoding="utf-8"):
            gateway.signal(signal.SIGTERM)
            self.assertEqual(gateway.wait(60), -signal.SIGTERM)

    def test_as_process_1_of_a_container_it_ends_by_signals_all_the_same(self):
        shards = self.chat_servers(["chat-a"])
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(second=number.name):
                gateway = self.made_gateway(f"gateway-{number.name}", shards,
                                            {"shutdown": {"timeout": "1h"}})
                gateway.command = [*PROCESS_1, *gateway.command]
                self.cluster.start(gateway)
                gateway.wait_ready()
                # It never closes its side, and so holds the end up for a while.
                client = self.served_client(gateway=gateway)
                gateway.signal(signal.SIGTERM)
                self.wait_until(lambda gateway=gateway: not has_admin(gateway), "it shuts down")
                gateway.signal(number)
                self.assertEqual(gateway.wait(30), 128 + number)
                client.tcp.close()

    def test_no_more_workers_than_cores_it_may_use(self):
        gateway = self.made_gateway("gateway", self.chat_servers(["chat-a"]),
                                    {"workers": {"count": 0}})
        core = min(os.sched_getaffinity(0))
        gateway.command = ["taskset", "-c", str(core), *gateway.command]
        self.cluster.start(gateway)
        self.assertEqual(gateway.metric("presenter_workers"), 1)
        if os.cpu_count() > 1:
            gateway.wait_for_line("info workers.count: 1 of the machine's .* 1 by affinity")

    def test_tags_are_of_one_client_each_whatever_the_names(self):
        servers = self.chat_servers(["chat-a"], echo=True)
        tables = {"gateway": {"name": "gw-1"}, "workers": {"count": 2}, "log": {"level": "debug"}}
        gateways = [self.cluster.gateway(each, self.cluster.static_shards(servers), tables)
                    for each in ("first", "second")]
        count = 24
        for gateway in gateways:
            gateway.wait_ready()
            for _ in range(count):
                self.echo_client(gateway=gateway).tcp.close()
            self.wait_until(lambda gateway=gateway: gateway.output().count(" closed: ") == count,
                            "all are closed")
        tags = [tag for gateway in gateways
                for tag in re.findall(r"client (\S+) \S+ closed: ", gateway.output())]
        self.assertEqual(len(tags), 2 * count)
        self.assertEqual(len(set(tags)), len(tags), "no tag twice")
        self.assertTrue(all(tag.startswith("gw-1-") for tag in tags), tags[0])

        words = [word for gateway in gateways for word in ("--gateway", gateway.admin)]
        shown = self.cluster.presenterctl("shards", *words)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("2 gateways call themselves 'gw-1': set gateway.name", shown.stderr)

    def test_without_a_name_it_is_the_machine_and_the_port(self):
        _, gateway = self.static_installation()
        name = subprocess.run(["hostname"], capture_output=True, text=True, check=True).stdout
        self.assertIn(f'"gateway": "{name.strip()}:{gateway.port}"', gateway.get("/shards")[1])

    def test_a_backend_of_another_name_gets_no_stream(self):
        [server] = self.chat_servers(["chat-b"])
        address = server.address
        server.name = "chat-a"  # as the map has it
        self.gateway = self.cluster.gateway("gateway", self.cluster.static_shards([server]))
        self.gateway.wait_for_line("warning link to chat-a lost: a backend of another name "
                                   rf"answers there: chat-b, at {address}$")
        self.wait_until(lambda: self.gateway.metric("presenter_link_errors_total",
                                                    error="wrong_backend") >= 2, "tried again")
        self.assertEqual(self.gateway.get("/readyz")[0], 503)
        self.assertEqual(self.gateway.metric("presenter_links_opened_total"), 0)


if __name__ == "__main__":
    main()
