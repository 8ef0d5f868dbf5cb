# SPDX-License-Identifier: GPL-2.0-or-later
"""Another program goes on in the daemon's process: other nodes hear one sender, which never paused and forgot nothing. The programs here take
longer to begin than the others would wait. Heartbeats have the time when they were made as their number, so the numbers are what is measured."""
import contextlib
import os
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest

from lab import VIP, VIP6, binary, now, wait_for
from test_claims import Claims
from test_nodes import ALL, V4, V6, tap
from test_reexec import Installed, states, versions

KEY = "1: " + "a1" * 32 + "\n"
LATE = 0.6  # seconds that the program takes to begin: twice the detection time of the default
HEARD, CLAIMS = 3, 4
RECEIVE_BUFFER_FORCE = 33
BUFFER = 16 << 20


class Said:
    """One heartbeat, as far as it matters here."""

    def __init__(self, datagram):
        self.incarnation, self.to, self.sequence = struct.unpack("!QQQ", datagram[20:44])
        key, items = struct.unpack("!I", datagram[8:12])[0], datagram[56:]
        items = items[:-32] if key else items
        self.signed, self.heard, self.claims, self.path = key, {}, b"", b""
        while len(items) >= 4:
            kind, length = struct.unpack("!HH", items[:4])
            value, items = items[4:4 + length], items[4 + length:]
            if kind == 2:
                self.path = value
            elif kind == HEARD:
                self.heard = {value[i:i + 6]: struct.unpack("!Q", value[i + 8:i + 16])[0] for i in range(0, length, 16)}
            elif kind == CLAIMS:
                self.claims = value


class Ear:
    """What comes to a node's interfaces from another one's MAC addresses, in order, by path."""

    def __init__(self, stack, node, ports, sender):
        self.taps = []
        for port in ports:
            tapped = stack.enter_context(tap(node, port, ALL))
            tapped.setsockopt(1, RECEIVE_BUFFER_FORCE, BUFFER)  # SOL_SOCKET
            self.taps.append((tapped, bytes.fromhex(sender.mac(port).replace(":", "")), []))

    def listen(self):
        for tapped, mac, said in self.taps:
            with contextlib.suppress(BlockingIOError):
                while True:
                    frame = tapped.recv(2048)
                    at = frame.find(b"SBHB")
                    if frame[6:12] == mac and at > 0:
                        said.append(Said(frame[at:at + struct.unpack("!H", frame[at + 6:at + 8])[0]]))
        return [said for _, _, said in self.taps]


class Renewed(Claims):
    def __init__(self, lab, **options):
        super().__init__(lab, kind=Installed, **options)

    def make_slow(self, daemon, seconds=LATE):
        """The program that is installed now checks its configuration at once, and takes its time to begin."""
        script = f'#!/bin/sh\ncase "$*" in *--check*) ;; *) sleep {seconds} ;; esac\nexec {daemon.program}.real "$@"\n'
        daemon.install(lambda data: data)
        daemon.program.rename(f"{daemon.program}.real")
        daemon.install(lambda data: script.encode())

    def told(self):
        """What people were told on both nodes, and since when all of it is so."""
        return [(states(d), d.vip()["since"], [(p["name"], p["state"], p["since"]) for p in self.other(d)["paths"]], self.other(d)["since"])
                for d in (self.d1, self.d2)]


@pytest.fixture
def renewed(make_lab):
    with contextlib.ExitStack() as stack:
        def make(**options):
            one = Renewed(make_lab(), **options).start()
            one.ear = Ear(stack, one.n2, one.n2.ports, one.n1)
            return one
        yield make


def check_one_sender(by_path, pause_ms):
    """One start of the sender, which is heard by each path, names the receiver's one start, and paused nowhere."""
    assert {s.incarnation for said in by_path for s in said} == {by_path[0][0].incarnation}
    assert {s.to for said in by_path for s in said} == {by_path[0][0].to} != {0}
    for said in by_path:
        numbers = [s.sequence for s in said]
        assert all(a < b for a, b in zip(numbers, numbers[1:])), "each is greater than the one before"
        assert max(b - a for a, b in zip(numbers, numbers[1:])) / 1e6 < pause_ms
        heard = [list(s.heard.values()) for s in said]
        assert all(x <= y for a, b in zip(heard, heard[1:]) for x, y in zip(a, b)), "what was heard is not forgotten"


@pytest.mark.parametrize("vip, paths, keys", [(VIP, V4, KEY), (VIP6, V6, KEY), (VIP, V4, None)], ids=["ipv4", "ipv6", "off"])
def test_nobody_notices(renewed, vip, paths, keys):
    """The holder and its backup, each by a program that is late by twice the time after which it would be taken for dead."""
    two = renewed(addresses=(vip,), paths=paths, keys=keys)
    before = two.told()
    two.ear.listen()
    since = now()
    for daemon, other in ((two.d1, two.d2), (two.d2, two.d1)):
        two.make_slow(daemon)
        dropped = two.dropped(other)
        daemon.reexec()
        assert two.dropped(other) == dropped
    two.stays("lb1", since, 0.5)
    said = two.ear.listen()
    check_one_sender(said, LATE * 1000 / 2)
    assert {s.signed for path in said for s in path} == {1 if keys else 0}
    assert {s.claims for path in said for s in path} == {said[0][0].claims}, "it claims the same all the time"
    assert two.told() == before
    assert len(versions(two.d1)) == len(versions(two.d2)) == 1


@pytest.mark.parametrize("interval_ms", [2, 10])
def test_short_intervals(renewed, interval_ms):
    """A machine that is busy may well pause for as long as nodes wait here; but nobody forgets anything, and whatever the program takes is no pause."""
    two = renewed(keys=KEY, heartbeat=f"interval: {interval_ms}ms, lost: 3")
    two.make_slow(two.d1)
    two.ear.listen()
    for _ in range(2):  # the second one begins at once: it is the real one's own file by now
        two.d1.reexec()
    wait_for(lambda: two.d1.state() == "active" and two.d2.state() == "backup", 10, "lb1, the better one, holds it")
    check_one_sender(two.ear.listen(), LATE * 1000 / 2)


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "hangs"])
def test_a_program_that_does_not_begin(renewed, killed):
    """It is spoken for, but not once its process has ended, and not for longer than the shortest lease might last."""
    two = renewed(keys=KEY)
    two.d1.install(lambda data: b'#!/bin/sh\ncase "$*" in *--check*) ;; *) exec sleep 60 ;; esac\n')
    asking = subprocess.Popen([binary("standbyctl"), "-r", str(two.d1.rundir), "reexec"], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: Path(f"/proc/{two.d1.process.pid}/comm").read_text() == "sleep\n", 10, "it is another program")
        at = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        wait_for(lambda: any(s.sequence > at for s in two.ear.listen()[0]), 5, "it is spoken for")
        if killed:
            os.kill(two.d1.process.pid, signal.SIGKILL)
        two.wait(two.d2, "silent")
        two.d2.wait_state("active")
    finally:
        two.d1.kill9()
        asking.wait(10)
