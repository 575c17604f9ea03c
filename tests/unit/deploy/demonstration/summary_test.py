"""demonstration/summary.py: the reader sees every message that was sent in exactly one line."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../../deploy/demonstration"))

import summary  # noqa: E402  pylint: disable=wrong-import-position


def report(sent, delivered, interrupted=0, lost=0, by_server=None):
    by_server = by_server or {}
    return {"lost_by_server": by_server,
            "messages": {"sent": sent, "delivered": delivered, "interrupted": interrupted,
                         "lost": lost, "lost_with_server": sum(by_server.values()),
                         "duplicated": 0, "reordered": 0}}


def counts(lines):
    """{name: count} of the lines as a person reads them."""
    found = (re.fullmatch(r"  [=+]? ?(\S.*?) +([\d,]+)(?:, which.*)?", line) for line in lines)
    return {match.group(1): int(match.group(2).replace(",", "")) for match in found}


class SummaryTest(unittest.TestCase):
    def test_what_is_not_delivered_is_in_a_line_of_its_own(self):
        reports = [report(20_392, 20_029, 3, 0, {"chat-c": 300, "chat-b": 60}),
                   report(100, 96, 0, 0, {"chat-c": 4})]
        lines, adds_up = summary.messages(reports, {"chat-c": "which was killed"})
        self.assertTrue(adds_up)
        self.assertEqual(counts(lines), {
            "messages sent": 20_492, "delivered": 20_125,
            "in doubt: sender cut off before its answer": 3,
            "in the memory of chat-b, which was left": 60,
            "in the memory of chat-c, which was killed": 304,
            "lost": 0, "sum": 20_492, "besides: duplicated": 0, "besides: reordered": 0})

    def test_a_sum_that_is_wrong_is_told(self):
        lines, adds_up = summary.messages([report(10, 8, 1)], {})
        self.assertFalse(adds_up)
        self.assertIn("9, which is not 10", "\n".join(lines))


if __name__ == "__main__":
    unittest.main()
