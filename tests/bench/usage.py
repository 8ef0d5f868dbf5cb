# SPDX-License-Identifier: GPL-2.0-or-later
"""What a daemon's processes cost: CPU time, wakes, memory."""
import contextlib
from pathlib import Path

from lab import SECOND, now


class Usage:
    """CPU time and wakes of a daemon's processes since now."""

    def __init__(self, daemon):
        self.daemon, self.since = daemon, now()
        self.before = self._read()

    def _read(self):
        cpu = wakes = 0
        for pid in self.daemon.pids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    cpu += int((task / "schedstat").read_text().split()[0])
                    wakes += next(int(line.split()[1]) for line in (task / "status").read_text().splitlines()
                                  if line.startswith("voluntary_ctxt_switches"))
        return cpu, wakes

    def cpu_percent(self):
        """Of a core."""
        return 100 * (self._read()[0] - self.before[0]) / (now() - self.since)

    def rows(self, name):
        cpu, wakes = (after - before for after, before in zip(self._read(), self.before))
        span = now() - self.since
        return {f"{name}: CPU, % of a core": 100 * cpu / span, f"{name}: wakes a second": wakes * SECOND / span}


def memory_mb(daemon):
    """Proportional set size, so that what two processes share is counted once."""
    total = 0
    for pid in daemon.pids():
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total / 1024
