"""The manual pages name every option and command that --help has, and bash completes them."""

import os
import re
import subprocess
import unittest

from processes import PROGRAMS, ROOT, main

PACKAGES = os.path.join(ROOT, "deploy/packages")


def output_of(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL).stdout


def help_of(program, *command):
    """(options, subcommands)"""
    text = output_of(os.path.join(PROGRAMS, program), *command, "--help")
    subcommands = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.M)
    return (set(re.findall(r"^  (?:-h,)?(--[a-z-]+)", text, re.M)),
            re.findall(r"^  ([a-z-]+)", subcommands.group(1), re.M) if subcommands else [])


class ManualsTest(unittest.TestCase):
    def manual(self, path):
        with open(os.path.join(PACKAGES, path), encoding="utf-8") as file:
            return file.read().replace("\\-", "-")

    def assert_names(self, page, program, *command):
        options, subcommands = help_of(program, *command)
        self.assertIn("--help", options)
        for option in options:
            self.assertRegex(page, rf"{option}(?![a-z-])", " ".join(command))
        for each in subcommands:
            if each != "gateway":
                self.assertRegex(page, rf"(?m)^\.BI? \"?{' '.join([*command, each])}(?![a-z-])")
            self.assert_names(page, program, *command, each)

    def test_the_gateway(self):
        self.assert_names(self.manual("presenter/presenter.8"), "presenter")

    def test_presenterctl(self):
        self.assert_names(self.manual("presenter-tools/presenterctl.1"), "presenterctl")

    def test_they_can_be_set(self):
        for path in ("presenter/presenter.8", "presenter-tools/presenterctl.1"):
            for line in self.manual(path).splitlines():
                self.assertRegex(line, r"\A(\.(TH|SH|TP|B|BI|BR|RB|RI|I|IR|br)\b|[^.])", path)

    def complete(self, *words):
        """What bash offers for the last of the words."""
        script = os.path.join(PACKAGES, "presenter-tools/presenterctl.bash")
        program = os.path.join(PROGRAMS, "presenterctl")
        call = ("COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _presenterctl; "
                "printf '%s\\n' \"${COMPREPLY[@]}\"")
        return output_of("bash", "-c", f"source {script}; {call}", "bash", program, *words).split()

    def test_bash_completes(self):
        self.assertEqual(self.complete("sha"), ["shards"])
        self.assertIn("gateway", self.complete(""))
        self.assertEqual(self.complete("gateway", "clie"), ["clients", "client"])
        self.assertEqual(self.complete("gateway", "clients", "--cu"), ["--cursor"])
        self.assertIn("--json", self.complete("gateway", "clients", "--count", "5", "--"))
        self.assertEqual(self.complete("gateway", "clients", "--phase", "re"), ["relaying"])
        self.assertEqual(self.complete("gateway", "log-level", "de"), ["debug"])
        self.assertEqual(self.complete("whois", "--zoo"), [])


if __name__ == "__main__":
    main()
