"""What a gateway's log says of its upgrades: how long clients stood still, and at what."""

import re
import statistics

STEPS = re.compile(r"taken this one's place: (\d+) ms until all stood still and (\d+) KiB were "
                   r"written, (\d+) ms for (\d+) descriptors, (\d+) ms until it had adopted all")
SILENCE = re.compile(r"they stood still for (\d+) ms")
NAMES = ("freeze, ms", "state, KiB", "descriptors, ms", "descriptors", "adopt, ms",
         "stood still, ms")


def table_of(log):
    """A line for each step, medians and the most of all upgrades."""
    columns = [*zip(*STEPS.findall(log)), SILENCE.findall(log)]
    lines = []
    for name, column in zip(NAMES, columns):
        values = [int(value) for value in column]
        lines.append(f"{name:16} median {statistics.median(values):7.0f}   most {max(values):7}")
    return "\n".join(lines)
