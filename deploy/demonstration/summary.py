"""The end of demo.py: what the runs of presenter-load have seen, added up in front of the
reader. Reports in, rows and text out; it starts nothing."""

import collections


def total(reports, name):
    return sum(report["messages"][name] for report in reports)


def fates(reports, ends):
    """[(what became of it, how many)]: every message that was sent is in exactly one row.

    `ends`: {chat server: how it has ended}; of the others clients were moved away."""
    by_server = collections.Counter()
    for report in reports:
        by_server.update(report["lost_by_server"])
    rows = [("delivered", total(reports, "delivered")),
            ("in doubt: sender cut off before its answer", total(reports, "interrupted"))]
    for server, count in sorted(by_server.items()):
        rows.append((f"in the memory of {server}, {ends.get(server, 'which was left')}", count))
    rows.append(("lost", total(reports, "lost")))
    return rows


def messages(reports, ends):
    """(lines, whether the sum is right)"""
    sent, rows = total(reports, "sent"), fates(reports, ends)
    lines = [row("messages sent", sent)]
    lines += [row(("=" if number == 0 else "+") + f" {name}", count)
              for number, (name, count) in enumerate(rows)]
    accounted = sum(count for _, count in rows)
    lines += [row("sum", accounted) + ("" if accounted == sent else f", which is not {sent:,}")]
    lines += [row(f"besides: {name}", total(reports, name)) for name in ("duplicated", "reordered")]
    return lines, accounted == sent


def row(name, value):
    text = f"{value:,}" if isinstance(value, int) else value
    return f"  {name:<46}{text:>12}"
