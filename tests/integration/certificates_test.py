"""Certificates of the real program: several by name, new files taken over without touching anybody,
bad ones refused by name, clients' own certificates told to the backend."""

import os
import signal
import ssl
import time

from conformance_case import PeerCase
from mux_peer import Backend, accept_and_echo
from processes import main
from tls_client import Alerted

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
RELOADS = "presenter_tls_reloads_total"
KEY_FILE_RELOADS = "presenter_ticket_key_file_reloads_total"


class CertificatesCase(PeerCase):
    def issue(self, stem, names, **options):
        """New files beside the old ones; `install` puts them in their place."""
        self.cluster.certificates.issue(self.path(stem), names, **options)

    def issue_by(self, issuer, stem, names, **options):
        self.issue(stem, names, issuer=self.path(issuer), subject=f"/CN={stem}", **options)

    def issue_authority(self, stem, subject, **options):
        self.issue(stem, "DNS:" + stem, subject=subject,
                   extensions=self.cluster.certificates.AUTHORITY[:2], **options)

    def append(self, below, stem):
        """Puts certificates behind others, as their chain."""
        with open(self.path(below + ".pem"), "ab") as file:
            file.write(self.read(stem + ".pem"))

    def install(self, new, stem):
        for end in (".pem", ".key"):
            os.replace(self.path(new + end), self.path(stem + end))

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def pair(self, stem):
        return {"certificate": self.path(stem + ".pem"), "private_key": self.path(stem + ".key")}

    def start(self, pairs=(), **tls):
        self.backend = Backend(on_open=accept_and_echo)
        self.backends.append(self.backend)
        tables = {"tls": tls, "workers": {"count": 2}}
        if pairs:
            tables["tls.certificates"] = list(pairs)
        self.gateway = self.cluster.gateway(
            "gateway", self.cluster.static_shards([self.backend]), tables)
        self.gateway.wait_ready()

    def shown(self, server_name="localhost", **options):
        """The certificate, as DER, that a new client is shown."""
        with self.tls_client(server_name=server_name, **options) as client:
            return client.tls.getpeercert(binary_form=True)

    def der_of(self, stem):
        with open(self.path(stem + ".pem"), encoding="ascii") as file:
            end = ssl.PEM_FOOTER
            return ssl.PEM_cert_to_DER_cert(file.read().split(end)[0] + end)  # the first one

    def wait_reloads(self, result, count, name=RELOADS):
        self.wait_until(lambda: self.gateway.metric(name, result=result) >= count,
                        f"{count} {result} {name}")
        self.assertEqual(self.gateway.metric(name, result=result), count)

    def assert_same_everywhere(self, server_name, stem):
        """Of both workers, whichever the kernel chooses."""
        expected = self.der_of(stem)
        for _ in range(8):
            self.assertEqual(self.shown(server_name), expected)


class Certificates(CertificatesCase):
    def test_by_name_and_by_what_clients_can_verify(self):
        self.issue("exact", "DNS:chat.example")
        self.issue("wild", "DNS:*.chat.example")
        self.issue("rsa", "DNS:chat.example", new_key=self.cluster.certificates.RSA_KEY)
        self.start([self.pair("exact"), self.pair("wild"), self.pair("rsa")], alpn=["chat/1"])
        self.assertEqual(self.shown("chat.example"), self.der_of("exact"))
        self.assertEqual(self.shown("CHAT.example"), self.der_of("exact"))
        self.assertEqual(self.shown("a.chat.example"), self.der_of("wild"))
        self.assertEqual(self.shown("localhost"), self.der_of("server"))
        only_rsa = {"version": ssl.TLSVersion.TLSv1_2,
                    "prepare": lambda context: context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")}
        self.assertEqual(self.shown("chat.example", **only_rsa), self.der_of("rsa"))

        def offer(*names):
            return {"prepare": lambda context: context.set_alpn_protocols(names)}
        self.assertEqual(self.tls_client(**offer("h2", "chat/1")).tls.selected_alpn_protocol(),
                         "chat/1")
        with self.assertRaisesRegex(ssl.SSLError, "(?i)no.application.protocol"):
            self.tls_client(**offer("h2"))
        for stem in ("server", "exact", "wild", "rsa"):
            self.assertGreater(self.gateway.metric("presenter_tls_certificate_expiry_seconds",
                                                   certificate=self.path(stem + ".pem")), 1.7e9)

    def test_sighup_takes_new_files_over_and_keeps_the_old_for_bad_ones(self):
        self.issue("a", "DNS:chat.example")
        self.start([self.pair("a")], watch_interval=0)
        here = [self.echo_client(server_name="chat.example", version=version)
                for version in VERSIONS]
        old = self.der_of("a")

        self.issue("b", "DNS:chat.example,DNS:new.example")
        self.install("b", "a")
        self.assertEqual(self.shown("chat.example"), old, "nobody has asked for new files")
        self.gateway.signal(signal.SIGHUP)
        self.wait_reloads("done", 1)
        self.assertNotEqual(self.der_of("a"), old)
        self.assert_same_everywhere("chat.example", "a")
        self.assert_same_everywhere("new.example", "a")
        for client in here:
            self.assert_echoes(client, b"still here")

        certificate, other = self.read("a.pem"), self.read("server.pem")
        for content, why in ((b"", "no PEM certificate"),
                             (certificate[:-40], "1 cannot be parsed"),
                             (other, "is not the key of")):
            self.write_private("a.pem", content)
            self.gateway.signal(signal.SIGHUP)
            self.gateway.wait_for_line(r"error .*the old ones stay: .*a\.(pem|key)'.* " + why)
            with self.tls_client(server_name="new.example") as client:
                self.assertNotEqual(client.tls.getpeercert(binary_form=True), old)
        self.wait_reloads("refused", 3)
        os.remove(self.path("a.pem"))
        self.gateway.signal(signal.SIGHUP)
        self.gateway.wait_for_line("the old ones stay: .*No such file")
        self.write_private("a.pem", certificate)
        self.gateway.signal(signal.SIGHUP)
        self.wait_reloads("done", 2)
        self.assert_same_everywhere("new.example", "a")
        for client in here:
            self.assert_echoes(client, b"and still")

    def test_sighup_refuses_what_no_client_would_accept(self):
        self.issue_authority("middle", "/CN=middle")
        self.issue_authority("impostor", "/CN=middle")
        self.issue_authority("short", "/CN=short", days=1)

        def chain(stem, issuer="middle", behind="middle", names="DNS:chat.example", **options):
            self.issue_by(issuer, stem, names, **options)
            if behind:
                self.append(stem, behind)
        chain("a")
        self.start([self.pair("a")], watch_interval=0)
        good = self.der_of("a")
        self.assertEqual(self.shown("chat.example"), good)
        self.assertNotRegex(self.gateway.output(), r"warning.*a\.pem")

        chain("expired", days=0)
        chain("gap", behind=None)
        chain("wrong", behind="impostor")
        chain("clients", extensions=["extendedKeyUsage=clientAuth"])
        chain("encipher", extensions=["keyUsage=keyEncipherment"],
              new_key=self.cluster.certificates.RSA_KEY)
        chain("staple", extensions=["tlsfeature=status_request"])
        chain("other", names="DNS:other.example")
        refused = {"expired": "has expired on", "gap": "without the intermediate",
                   "wrong": "'CN=middle' has not signed 'CN=wrong'",
                   "clients": "lacks serverAuth", "encipher": "without digitalSignature",
                   "staple": "must be shown with an OCSP response",
                   "other": "no certificate is left for 'chat.example'"}
        for number, (stem, why) in enumerate(refused.items(), 1):
            with self.subTest(stem):
                self.install(stem, "a")
                self.gateway.signal(signal.SIGHUP)
                self.wait_reloads("refused", number)
                self.gateway.wait_for_line("error .*the old ones stay: .*" + why)
                self.assertEqual(self.shown("chat.example"), good)

        chain("next", issuer="short", behind="short")
        self.install("next", "a")
        self.gateway.signal(signal.SIGHUP)
        self.wait_reloads("done", 1)
        self.assert_same_everywhere("chat.example", "a")
        # Of the chain the issuer's day is the first to end.
        left = self.gateway.metric("presenter_tls_certificate_expiry_seconds",
                                   certificate=self.path("a.pem")) - time.time()
        self.assertLess(left, 86_400)

    def test_openssls_configuration_of_the_machine_is_not_read(self):
        with open(self.path("openssl.cnf"), "w", encoding="ascii") as file:
            file.write("openssl_conf = c\n[c]\nssl_conf = s\n[s]\nsystem_default = d\n[d]\n"
                       "SignatureAlgorithms = RSA+SHA512\nMinProtocol = TLSv1.3\n")
        os.environ["OPENSSL_CONF"] = self.path("openssl.cnf")
        try:
            self.start()
        finally:
            del os.environ["OPENSSL_CONF"]
        for version in VERSIONS:
            self.assert_echoes(self.echo_client(version=version))
        self.gateway.wait_for_line("warning .*OPENSSL_CONF is set, and not read")

    def test_changed_files_are_found(self):
        self.start(watch_interval="100ms")
        here = [self.echo_client(version=version) for version in VERSIONS]
        self.issue("next", "DNS:localhost")
        self.install("next", "server")
        self.wait_reloads("done", 1)
        self.assert_same_everywhere("localhost", "server")

        expected = self.shown()
        self.write_private("server.key", b"no key")
        self.wait_reloads("refused", 1)
        self.assertEqual(self.shown(), expected)
        for client in here:
            self.assert_echoes(client)

    def test_a_link_that_is_exchanged_is_a_change(self):
        # As Kubernetes keeps secrets: the files' names stay, a link in their path moves.
        for version in ("v1", "v2"):
            os.mkdir(self.path(version))
            self.issue(f"{version}/tls", "DNS:localhost")
        os.symlink("v1", self.path("data"))
        self.start(watch_interval="100ms", **self.pair("data/tls"))
        here = self.echo_client()
        self.assert_same_everywhere("localhost", "v1/tls")
        os.symlink("v2", self.path("data.new"))
        os.replace(self.path("data.new"), self.path("data"))
        self.wait_reloads("done", 1)
        self.assert_same_everywhere("localhost", "v2/tls")
        self.assert_echoes(here)


class ClientCertificates(CertificatesCase):
    def show(self, stem):
        return {"prepare": lambda context: context.load_cert_chain(self.path(stem + ".pem"),
                                                                   self.path(stem + ".key"))}

    def opened_by(self, client):
        """The TlsFacts of this client's Open."""
        port = client.tcp.getsockname()[1]

        def find():
            for link in list(self.backend.links):
                for stream in list(link.streams.values()):
                    if stream.opened.client_port == port:
                        return stream.opened.tls
            return None
        return self.wait_until(find, "the backend has the client's stream")

    def test_the_subject_is_told_and_kept_by_tickets(self):
        self.issue("device", "DNS:device", subject="/O=Zoë, Inc/CN=device-7")
        self.start(client_certificate="required", client_ca=self.cluster.certificates.authority)
        for version in VERSIONS:
            with self.subTest(version.name):
                client = self.echo_client(version=version, **self.show("device"))
                told = self.opened_by(client)
                self.assertEqual(told.client_subject, "CN=device-7,O=Zo\\C3\\AB\\, Inc")
                self.assertFalse(told.resumed)
                client.finish()
                client.tcp.close()
                again = self.echo_client(version=version, resume=client)
                self.assertTrue(again.tls.session_reused)
                told = self.opened_by(again)
                self.assertTrue(told.resumed)
                self.assertEqual(told.client_subject, "CN=device-7,O=Zo\\C3\\AB\\, Inc")
                with self.assertRaisesRegex((ssl.SSLError, Alerted),
                                            "HANDSHAKE_FAILURE|certificate_required"):
                    self.echo_client(version=version)

    def test_a_large_one_gets_no_ticket_that_would_be_refused(self):
        names = ",".join(f"DNS:{i}-{'n' * 50}.example" for i in range(400))
        self.issue("device", names, subject="/CN=device-8")
        self.start(client_certificate="required", client_ca=self.cluster.certificates.authority)
        for version in VERSIONS:
            with self.subTest(version.name):
                client = self.echo_client(version=version, **self.show("device"))
                client.finish()
                client.tcp.close()
                again = self.echo_client(version=version, resume=client)
                self.assertFalse(again.tls.session_reused)
                self.assertEqual(self.opened_by(again).client_subject, "CN=device-8")
        self.assertEqual(self.gateway.metric("presenter_tickets_total", event="issued"), 0)

    def test_of_p384_in_every_version(self):
        self.issue("device", "DNS:device", subject="/CN=device-9",
                   new_key=["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes"])
        self.start(client_certificate="required", client_ca=self.cluster.certificates.authority)
        for version in VERSIONS:
            with self.subTest(version.name):
                client = self.echo_client(version=version, **self.show("device"))
                self.assertEqual(self.opened_by(client).client_subject, "CN=device-9")

    def test_without_one_where_it_is_optional(self):
        self.start(client_certificate="optional", client_ca=self.cluster.certificates.authority)
        self.assertIsNone(self.opened_by(self.echo_client()).client_subject)


class TicketKeyFile(CertificatesCase):
    def test_is_read_again_and_a_bad_one_is_not(self):
        old, new = os.urandom(80), os.urandom(80)
        path = self.write_private("ticket.keys", old)
        self.start(ticket_key_file=path, watch_interval=0)

        def session(earlier=None):
            client = self.echo_client(resume=earlier)
            client.finish()
            return client
        first = session()
        spare = session()
        self.write_private("ticket.keys", new + old)
        self.gateway.signal(signal.SIGHUP)
        self.wait_reloads("done", 1, KEY_FILE_RELOADS)
        self.assertEqual(self.gateway.metric("presenter_tickets_total", event="old_key"), 0)
        moved = session(first)
        self.assertTrue(moved.tls.session_reused)
        self.assertEqual(self.gateway.metric("presenter_tickets_total", event="old_key"), 1)

        self.write_private("ticket.keys", b"too short")
        self.gateway.signal(signal.SIGHUP)
        self.wait_reloads("refused", 1, KEY_FILE_RELOADS)
        self.gateway.wait_for_line(r"error .*the old keys stay: .*ticket\.keys")
        newest = session(moved)
        self.assertTrue(newest.tls.session_reused)

        self.write_private("ticket.keys", new)
        self.gateway.signal(signal.SIGHUP)
        self.wait_reloads("done", 2, KEY_FILE_RELOADS)
        self.assertTrue(session(newest).tls.session_reused)
        self.assertFalse(session(spare).tls.session_reused)


if __name__ == "__main__":
    main()
