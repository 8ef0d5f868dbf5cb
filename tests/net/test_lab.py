# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab measures what it claims to: before anything is said about a daemon."""
import os
import signal
import subprocess
import sys
from pathlib import Path

from conftest import INTERVAL_US, IN_GUEST
from lab import MS, SECOND, VIP, Keepalived, _running, binary, keepalived_instance, now, pass_time, wait_for


def held_by(node, ifname="eno1"):
    node.ready().address(ifname, f"192.0.2.{10 + node.number}/24")
    node.address(ifname, f"{VIP}/32")


def asked(make_lab):
    """lb1 holds the vip by hand, and the client is answered."""
    lab = make_lab(ports=1)
    held_by(lab.lb1)
    lab.answer()
    probe = lab.probe(interval_us=INTERVAL_US)
    probe.answered_by("lb1", 5)
    return lab, probe


def test_at_rest_nothing_is_lost(make_lab):
    lab, probe = asked(make_lab)
    since = now()
    pass_time(1)
    window = probe.window(since)
    assert window.lost == 0 and window.nodes == ["lb1"], window
    assert window.sent > (300 if IN_GUEST else 1000)


def test_a_pulled_cable_is_silence_of_its_length(make_lab):
    lab, probe = asked(make_lab)
    since = lab.lb1.pull()
    wait_for(lambda: not lab.lb1.carrier("eno1"), 2)
    pass_time(0.3)
    plugged = lab.lb1.plug()
    wait_for(lambda: lab.lb1.carrier("eno1"), 2)
    probe.answered_by("lb1", 5, plugged)
    window = probe.window(since)
    assert window.outage_ms >= 290 and window.silence_ms >= 290, window
    assert window.lost >= 0.5 * 300 * 1000 / INTERVAL_US, window


def test_an_answer_that_came_too_late_is_told_from_a_lost_one(make_lab):
    lab, probe = asked(make_lab)
    since = now()
    responder = lab.lb1.responder.process
    responder.send_signal(signal.SIGSTOP)
    pass_time(0.05)
    gone = now()
    lab.lb1.address_del("eno1", VIP, 32)
    removed = now()
    responder.send_signal(signal.SIGCONT)
    pass_time(0.2)
    assert 0.05 / 2 * 1e6 / INTERVAL_US < probe.window(since, gone).late <= (gone - since) / INTERVAL_US / 1000 + 1
    after = probe.window(removed)
    assert after.late == 0 and after.lost == after.sent > 0, after


def test_two_holders_are_seen(make_lab):
    lab = make_lab(ports=1)
    held_by(lab.lb1)
    lab.lb2.ready()
    lab.answer()
    since = now()
    lab.lb2.address("eno1", f"{VIP}/32")
    pass_time(0.2)
    lab.lb1.address_del("eno1", VIP, 32)
    wait_for(lambda: len(lab.lb1.changes()) == 2, 2)
    assert 190 * MS <= lab.overlaps(since) <= 2 * SECOND
    assert lab.lb2.holds(VIP) == "eno1" and not lab.lb1.holds(VIP)


def test_keepalived_pair(make_lab):
    """The peer in its own right: what the tests beside it rest on."""
    lab = make_lab(ports=1)
    daemons = []
    for node, priority in zip(lab.nodes, (200, 100)):
        node.ready().address("eno1", f"192.0.2.{10 + node.number}/24")
        daemons.append(Keepalived(node, keepalived_instance(priority=priority, advert=0.1)).start())
    lab.answer()
    sniffer = lab.sniff()
    probe = lab.probe(interval_us=INTERVAL_US)
    probe.answered_by("lb1", 10)
    since = lab.lb1.pull()
    taken = probe.answered_by("lb2", 10)
    assert 200 * MS < taken - since < 2 * SECOND
    assert sniffer.adverts("192.0.2.12", since) and sniffer.garps(VIP, since)
    daemons[1].kill9()
    assert not daemons[1].alive and lab.lb2.holds(VIP), "killed, it leaves its address behind"


def test_the_guard_ends_what_a_killed_run_leaves(tmp_path):
    """A test run that is killed itself leaves no process."""
    script = (f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
              "from lab import *\nlab = Lab(ports=1)\nlab.answer()\n"
              "print(lab.directory, *[n.responder.process.pid for n in lab.nodes], flush=True)\nsignal.pause()\n")
    run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    directory, *pids = run.stdout.readline().split()
    assert len(pids) == 2 and all(_running(int(pid)) for pid in pids)
    run.send_signal(signal.SIGKILL)
    run.wait()
    wait_for(lambda: not any(_running(int(pid)) for pid in pids), 5, "the end of the responders")
    for path in Path(directory).iterdir():
        path.rmdir()
    os.rmdir(directory)
    assert binary("tests/net/probe")
