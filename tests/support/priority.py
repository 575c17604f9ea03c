"""Real-time priorities, so that it does not matter to a measurement who else is on the machine."""

import functools
import subprocess


@functools.cache
def may_be_real_time():
    """Whether this process may, which root may unless its container takes that away."""
    run = subprocess.run(["chrt", "--rr", "1", "true"], check=False, stderr=subprocess.DEVNULL)
    return run.returncode == 0


def real_time(priority, wanted=True):
    """The words before a command that is to have it; none where that may not be."""
    return ["chrt", "--rr", str(priority)] if wanted and may_be_real_time() else []
