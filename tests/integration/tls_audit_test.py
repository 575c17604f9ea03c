"""testssl.sh, the auditors' usual scanner, finds no weakness of the listener."""

import json
import os
import subprocess

from processes import InstallationTest, main

# What it says of the test's own certificate and names, which live for a day and in no DNS; and the
# lifetime of tickets, which is the operator's `tls.ticket_lifetime` (a week; their keys change
# every 12 hours). Its own attempt at resuming leaves as soon as its handshake has ended, whether or
# not the ticket has come by then, and calls that a connect problem; integration.tickets resumes.
NOT_THE_LISTENERS = {"cert_expirationStatus", "cert_notAfter", "cert_revocation", "DNS_CAArecord",
                     "TLS_session_ticket", "sessionresumption_ticket"}
HARMLESS = {"OK", "INFO", "DEBUG"}
# Not WARN, by which it tells what itself, or its OpenSSL, cannot do; unless it is one of the next.
WEAK = {"LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL"}
# It has looked, and could: protocols, suites, and the vulnerabilities that have names.
LOOKED_AT = {"SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "cipher_order", "heartbleed",
             "CCS", "ROBOT", "secure_renego", "secure_client_renego", "CRIME_TLS", "SWEET32",
             "FREAK", "LOGJAM", "BEAST", "LUCKY13", "RC4"}


class TlsAuditTest(InstallationTest):
    def test_no_weakness(self):
        _, gateway = self.static_installation(echo=True)
        report = os.path.join(self.cluster.folder, "testssl.json")
        port = gateway.address.rsplit(":", 1)[1]
        scan = subprocess.run(
            ["testssl", "--warnings", "off", "--color", "0", "--quiet", "--jsonfile", report,
             "--ip", "127.0.0.1", "--add-ca", self.cluster.certificates.authority,
             "--protocols", "--server-defaults", "--server-preference", "--vulnerable",
             f"localhost:{port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False)
        with open(report, encoding="utf-8") as file:
            findings = {finding["id"]: finding for finding in json.load(file)}
        self.assertEqual(LOOKED_AT - set(findings), set(), scan.stdout)
        self.assertIn("offered", findings["TLS1_3"]["finding"])
        weak = {name: (finding["severity"], finding["finding"])
                for name, finding in findings.items()
                if finding["severity"] in WEAK and name not in NOT_THE_LISTENERS
                or finding["severity"] not in HARMLESS and name in LOOKED_AT}
        self.assertEqual(weak, {}, scan.stdout)
        # A scanner's ways are rude, and nobody is left behind.
        self.wait_nobody_left(gateway)


if __name__ == "__main__":
    main()
