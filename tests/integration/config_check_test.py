"""`presenter --check`: a good configuration passes, a broken one hears all its mistakes at once."""

import os
import subprocess

from processes import PROGRAMS, InstallationTest, main, toml

PRESENTER = os.path.join(PROGRAMS, "presenter")


class ConfigCheckTest(InstallationTest):
    def setUp(self):
        super().setUp()
        certificates = self.cluster.certificates
        self.path = os.path.join(self.cluster.folder, "presenter.toml")
        self.write("shards.toml", toml({"server": [
            {"name": "chat-a", "host": "127.0.0.1", "port": 4001, "weight": 100}]}))
        self.good = {
            "listen": {"address": "127.0.0.1:0"},
            "tls": {"certificate": certificates.certificate,
                    "private_key": certificates.private_key},
            "auth": {"parser": "thrift", "method": "authenticate", "key_path": "1.1"},
            "shards": {"file": "shards.toml"},
            "admin": {"address": "127.0.0.1:0"},
        }

    def write(self, name, text):
        with open(os.path.join(self.cluster.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def check(self, text, words=("--check",)):
        self.write("presenter.toml", text)
        run = subprocess.run([PRESENTER, "--config", self.path, *words],
                             capture_output=True, text=True, timeout=60, check=False)
        return run.returncode, run.stdout + run.stderr

    def test_good_configuration(self):
        status, output = self.check(toml(self.good))
        self.assertEqual(status, 0, output)

    def test_every_mistake_at_once(self):
        status, output = self.check(
            '[listen]\naddress = "somewhere"\nbacklog = 0\nadress = "127.0.0.1:1"\n'
            '[tls]\ncertificate = "absent.pem"\n'
            '[auth]\nparser = "json"\nkey_path = "0.x"\npacket_bytes_max = "many"\n'
            'timeout = "soon"\n'
            '[shards]\nzookeeper = "nowhere"\nfile = "shards.toml"\n'
            "[upstream]\nlinks_per_worker = 1000\n[wrokers]\ncount = 1\n")
        self.assertEqual(status, 1, output)
        expected = {2: "listen.address", 3: "listen.backlog", 4: "listen.adress",
                    6: "tls.certificate", 8: "auth.parser", 9: "auth.key_path",
                    10: "auth.packet_bytes_max", 11: "auth.timeout", 13: "shards.zookeeper",
                    14: "shards.file", 16: "upstream.links_per_worker", 17: "wrokers"}
        for line, key in expected.items():
            with self.subTest(key=key):
                self.assertRegex(output, rf"(?m)presenter\.toml:{line}: {key}: \S")
        self.assertIn("tls.private_key", output, "a key that must be there")

    def test_syntax_error_names_the_line(self):
        status, output = self.check('[listen]\naddress = "127.0.0.1:0\n')
        self.assertEqual(status, 1, output)
        self.assertRegex(output, r"presenter\.toml:2: ")

    def test_key_of_another_certificate(self):
        subprocess.run(["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out",
                        os.path.join(self.cluster.folder, "other.key")], check=True,
                       capture_output=True)
        self.good["tls"]["private_key"] = "other.key"
        status, output = self.check(toml(self.good))
        self.assertEqual(status, 1, output)
        self.assertIn("tls.private_key", output)

    def test_what_should_not_be_so_is_a_warning(self):
        self.good["tls"]["names"] = ["other.example"]
        status, output = self.check(toml(self.good))
        self.assertEqual(status, 0, output)
        self.assertRegex(output, r"toml:\d+: tls\.names: .*'other\.example' \(warning\)")

    def test_a_configuration_that_no_client_gets_through_is_a_mistake(self):
        certificates, folder = self.cluster.certificates, self.cluster.folder
        for text, why in (('strict_sni = true', r"tls\.strict_sni: refuses all clients"),
                          ('curves = ["X25519", "X25519"]', r"tls\.curves: 'X25519' is a group"),
                          ('min_version = "1.3"\ncurves = ["brainpoolP256r1"]',
                           r"tls\.curves: clients do not get through in TLS 1\.3 .*: \S")):
            with self.subTest(text):
                if "strict" in text:
                    certificates.issue(os.path.join(folder, "server"), "IP:127.0.0.1")
                status, output = self.check(toml(self.good).replace("[tls]", "[tls]\n" + text))
                self.assertEqual(status, 1, output)
                self.assertRegex(output, r"toml:\d+: " + why)

    def test_more_authorities_than_a_message_holds_are_a_mistake(self):
        folder = self.cluster.folder
        with open(os.path.join(folder, "all.pem"), "wb") as file:
            for i in range(70):
                subject = f"/CN={i}" + "".join(f"/OU={i}{'a' * 60}" for _ in range(16))
                made = subprocess.run(
                    ["openssl", "req", "-x509", "-key", os.path.join(folder, "server.key"),
                     "-subj", subject, "-days", "2"], check=True, capture_output=True)
                file.write(made.stdout)
        self.good["tls"].update(client_certificate="optional", client_ca="all.pem")
        for words in (("--check",), ()):
            status, output = self.check(toml(self.good), words)
            self.assertEqual(status, 1, output)
            self.assertRegex(output, r"toml:\d+: tls\.client_ca: clients do not get through")

    def test_what_clients_would_refuse_is_a_warning(self):
        certificates, folder = self.cluster.certificates, self.cluster.folder
        certificates.issue(os.path.join(folder, "server"), "DNS:localhost", subject="/CN=leaf",
                           extensions=["extendedKeyUsage=clientAuth", "keyUsage=keyAgreement"],
                           days=0)
        status, output = self.check(toml(self.good))
        self.assertEqual(status, 0, output)
        for why in ("has expired on 20", "its extendedKeyUsage lacks serverAuth",
                    "a keyUsage without digitalSignature", "comes without 'CN=Presenter throw"):
            self.assertRegex(output, rf"toml:\d+: tls\.certificate: .*{why}.* \(warning\)")

    def test_openssls_configuration_of_the_machine_is_not_read(self):
        os.environ["OPENSSL_CONF"] = os.path.join(self.cluster.folder, "absent.cnf")
        try:
            status, output = self.check(toml(self.good))
        finally:
            del os.environ["OPENSSL_CONF"]
        self.assertEqual(status, 0, output)
        self.assertRegex(output, r"OPENSSL_CONF is set, and not read: .* \(warning\)")

    def test_broken_shards_file(self):
        self.write("shards.toml", '[[server]]\nname = "a"\nhost = "127.0.0.1"\nweight = 100000\n')
        status, output = self.check(toml(self.good))
        self.assertEqual(status, 1, output)
        self.assertIn("shards.toml", output)

    def test_start_with_a_broken_configuration_fails_too(self):
        status, output = self.check("[listen]\naddress = 5\n", words=())
        self.assertEqual(status, 1, output)
        self.assertIn("listen.address", output)

    def test_an_unknown_option_is_no_start(self):
        status, output = self.check(toml(self.good), words=("--log-nothing-of-this-name",))
        self.assertNotEqual(status, 0, output)
        self.assertIn("--log-nothing-of-this-name", output)


if __name__ == "__main__":
    main()
