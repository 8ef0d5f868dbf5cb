# SPDX-License-Identifier: GPL-2.0-or-later
"""Vips that rest on checks, with the runner that the daemon starts: what a failing check does, and that nothing else does it."""
import contextlib
import json
import os
import signal
import tempfile
from datetime import datetime
from pathlib import Path

import pytest

from conftest import plain_config, vip_config
from lab import Standbyd, now, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the runner becomes other users")

CHECK = "interval: 100ms, timeout: 90ms, fall: 2, rise: 2"


class Service:
    """What the check of one node asks: a file with a number, which is the service's health."""

    def __init__(self, node):
        self.path = Path(tempfile.mkdtemp(dir="/run", prefix="standbyd-test-")) / "health"
        self.path.parent.chmod(0o755)
        self.node = node
        self.set(1)

    def set(self, health):
        beside = self.path.with_suffix(".new")
        beside.write_text(f"{health}\n")
        beside.chmod(0o644)
        beside.rename(self.path)

    def check(self, more=CHECK):
        return f"  service: {{file: {{path: {self.path}, min: 1}}, {more}}}\n"

    def close(self):
        for path in self.path.parent.iterdir():
            path.unlink()
        self.path.parent.rmdir()


class Pair:
    """lb1 with priority 200 and lb2 with 100, web on eno1 of both, each with a check of its own."""

    def __init__(self, lab, **options):
        self.lab, self.options = lab, options
        self.services, self.daemons = [], []
        for node, priority in zip(lab.nodes, (200, 100)):
            node.ready().address("eno1", f"192.0.2.{10 + node.number}/24")
            self.services.append(Service(node))
            self.daemons.append(Standbyd(node, self.config(node, priority)))
        lab.answer()

    def config(self, node, priority, more="", check=CHECK):
        service = self.services[node.number - 1]
        return (f"version: 1\nnode: {node.name}\nchecks:\n{service.check(check)}{more}vips:\n"
                + vip_config(node, priority=priority, **(self.options if "lower" in self.options else {"require": "[service]", **self.options})))

    def start(self):
        for daemon, state in zip(self.daemons, ("active", "backup")):
            daemon.start()
            daemon.wait_state(state)
        self.probe = self.lab.probe(interval_us=1000)
        self.probe.answered_by("lb1", 15)
        return self

    def close(self):
        for service in self.services:
            service.close()


@pytest.fixture
def pair(make_lab):
    made = []

    def make(**options):
        made.append(Pair(make_lab(ports=1), **options))
        return made[-1].start()
    yield make
    for one in made:
        for daemon in one.daemons:
            daemon.close()
        one.close()


def check_of(daemon, name="service"):
    return next(check for check in daemon.status()["checks"] if check["name"] == name)


def wait_check(daemon, state, name="service"):
    wait_for(lambda: check_of(daemon, name)["state"] == state, 15, f"check {name} {state}")


def runners(daemon):
    """The processes of the runner that this daemon has started."""
    def parents(pid):
        while pid > 1:
            yield pid
            try:
                pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                return
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "comm").read_text() == "standby-runner\n" and daemon.process.pid in parents(int(entry.name)):
                found.append(int(entry.name))
    return found


def states(daemon, kind, name):
    return [event["state"] for event in daemon.events() if event["object_type"] == kind and event["object"] == name and event["code"] == "state"]


@pytest.mark.parametrize("preempt", ["true", "false"])
def test_failing_check_moves_the_vip(pair, preempt):
    p = pair(preempt=preempt)
    one, two = p.daemons
    since = now()
    p.services[0].set(0)
    two.wait_state("active")
    one.wait_state("fault")
    p.probe.answered_by("lb2", 10, since)
    assert one.vip()["reason_code"] == "required" and "service" in one.vip()["reason"]
    failed = next(event for event in reversed(one.events()) if event["object_type"] == "check" and event["state"] == "failed")
    assert failed["output"] and failed["output"] in failed["text"]
    explained = " ".join(one.ctl("explain", "web").stdout.split())
    assert "The check service has been failed for" in explained and check_of(one)["output"] in explained, explained
    since = now()
    p.services[0].set(1)
    wait_check(one, "passed")
    if preempt == "true":
        one.wait_state("active")
        p.probe.answered_by("lb1", 10, since)
    else:
        one.wait_state("backup")
        assert two.state() == "active"


def test_lower_moves_the_vip(pair):
    p = pair(lower="{service: 150}")
    p.services[0].set(0)
    p.daemons[1].wait_state("active")
    assert p.daemons[0].vip()["effective_priority"] == 50
    p.services[0].set(1)
    p.daemons[0].wait_state("active")


def test_both_failing(pair):
    p = pair()
    for service in p.services:
        service.set(0)
    for daemon in p.daemons:
        daemon.wait_state("fault")
    wait_for(lambda: not p.lab.nodes[0].holds() and not p.lab.nodes[1].holds(), 15, "nobody holds it")
    p.services[1].set(1)
    p.daemons[1].wait_state("active")
    p.services[0].set(1)
    p.daemons[0].wait_state("active")


def test_killed_runner_changes_no_role(pair):
    p = pair()
    one = p.daemons[0]
    before = states(one, "vip", "web"), states(one, "check", "service")
    for _ in range(3):
        wait_for(lambda: len(runners(one)) == 1, 20, "one runner")
        old = runners(one)[0]
        results = now()
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: runners(one) not in ([], [old]), 20, "another runner")
        wait_for(lambda: (check_of(one)["last_result_ms"] or 1e9) < (now() - results) / 1e6 / 2, 20, "results again")
    assert (states(one, "vip", "web"), states(one, "check", "service")) == before
    assert not one.status()["warnings"]
    p.services[0].set(0)  # what it says counts again
    p.daemons[1].wait_state("active")


def test_absent_runner_is_a_warning(make_lab):
    lab = make_lab(ports=1)
    node = lab.nodes[0].ready()
    node.address("eno1", "192.0.2.11/24")
    daemon = Standbyd(node, f"version: 1\nnode: {node.name}\nchecks:\n  service: {{file: {{path: /nowhere, min: 1}}, {CHECK}}}\nvips:\n"
                      + vip_config(node, require="[service]"))
    command = [*daemon.command()[:-1], "/nowhere/standby-runner"]
    daemon.command = lambda: command
    daemon.start()
    wait_for(lambda: any("standby-runner cannot be started: No such file" in w for w in daemon.status()["warnings"]), 15, "a warning")
    assert (daemon.state(), check_of(daemon)["state"]) == ("init", "unknown")
    assert "no run of the check has ended yet" in daemon.vip()["reason"]
    wait_for(lambda: any("has had no result for" in w for w in daemon.status()["warnings"]), 15, "a warning of the check")


def test_reload_changes_checks(pair):
    p = pair()
    one = p.daemons[0]
    runner = runners(one)
    one.write(p.config(p.lab.nodes[0], 200, check=f"{CHECK}, start: passed", more="  more: {process: {name: standby-runner}, start: failed, interval: 200ms}\n"))
    assert one.ctl("reload").returncode == 0
    wait_check(one, "passed", "more")
    assert runners(one) == runner and one.state() == "active"
    one.write(plain_config(p.lab.nodes[0], priority=200))
    assert one.ctl("reload").returncode == 0
    assert one.status()["checks"] == []
    wait_for(lambda: not runners(one), 15, "no runner")
    assert one.state() == "active"
    one.write(p.config(p.lab.nodes[0], 200))
    assert one.ctl("reload").returncode == 0
    wait_check(one, "passed")
    assert one.state() == "active" and len(runners(one)) == 1


@pytest.mark.parametrize("failed", [False, True])
def test_reexec_keeps_verdicts(pair, failed):
    p = pair()
    one = p.daemons[0]
    if failed:
        p.services[0].set(0)
        one.wait_state("fault")
    runner, before, check = runners(one), (states(one, "vip", "web"), states(one, "check", "service")), check_of(one)
    assert one.ctl("reexec").returncode == 0
    assert runners(one) == runner
    after = check_of(one)
    assert (after["state"], after["output"]) == (check["state"], check["output"])
    # One moment, told by two programs, each with what it knows of the clocks.
    assert abs((datetime.fromisoformat(after["since"]) - datetime.fromisoformat(check["since"])).total_seconds()) < 0.1
    heard = now()
    wait_for(lambda: (check_of(one)["last_result_ms"] or 1e9) < (now() - heard) / 1e6 / 2, 20, "results again")
    assert (states(one, "vip", "web"), states(one, "check", "service")) == before
    p.services[0].set(1 if failed else 0)
    (one if failed else p.daemons[1]).wait_state("active")


def test_killed_daemon_takes_its_runner_along(pair):
    p = pair()
    one = p.daemons[0]
    old = runners(one)
    one.kill9()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in old), 15, "no runner without its daemon")
    one.start()
    one.wait_state("active")
    wait_check(one, "passed")


def test_events_carry_check_changes(pair):
    p = pair()
    one = p.daemons[0]
    p.services[0].set(0)
    wait_check(one, "failed")
    p.services[0].set(1)
    wait_check(one, "passed")
    assert states(one, "check", "service") == ["passed", "failed", "passed"]
    assert json.dumps(one.events()).count('"check-silent"') == 0


# ---- hooks ----

SCRIPT = """#!/bin/sh
{begin}
printf '%s' "$STANDBY_OBJECT:$STANDBY_NAME $STANDBY_PREVIOUS $STANDBY_STATE $STANDBY_NODE $STANDBY_ADDRESSES|" >>{notes}.$$
cat >>{notes}.$$
echo >>{notes}.$$
cat {notes}.$$ >>{notes}
rm {notes}.$$
{end}
"""


class Hooked:
    """One node, alone, with hooks that note what they are told."""

    def __init__(self, lab, hooks="", begin="", vips=1, end=""):
        self.lab = lab
        self.node = lab.nodes[0].ready()
        self.node.address("eno1", "192.0.2.11/24")
        self.service = Service(self.node)
        self.directory = self.service.path.parent
        self.directory.chmod(0o755)
        (self.directory / "out").mkdir()
        (self.directory / "out").chmod(0o777)
        self.notes = self.directory / "out" / "notes"
        script = self.directory / "note"
        script.write_text(SCRIPT.format(begin=begin.format(directory=self.directory), notes=self.notes, end=end))
        script.chmod(0o755)
        self.hooks = "hooks:\n" + (hooks or "  note: {{when: \"vip:*\", run: [{script}, hello]}}\n").format(script=script, directory=self.directory)
        self.text = (f"version: 1\nnode: {self.node.name}\nchecks:\n{self.service.check()}{self.hooks}vips:\n"
                     + "".join(vip_config(self.node, name=f"v{i}", vrid=i, addresses=(f"192.0.2.{100 + i}",), priority=200, require="[service]")
                               for i in range(1, vips + 1)))
        self.daemon = Standbyd(self.node, self.text).start()
        self.daemon.wait_state("active", name="v1")

    def lines(self, name="v1"):
        """What was noted of one vip: (previous, state) and the JSON, in order."""
        found = []
        for line in self.notes.read_text().splitlines() if self.notes.exists() else []:
            words, facts = line.split("|", 1)
            who, previous, state, node, addresses = words.split(" ")
            facts = json.loads(facts)
            assert (who, previous, state) == (f"vip:{facts['name']}", facts["previous"], facts["state"])
            assert node == facts["node"] == self.node.name and addresses == facts["addresses"][0]
            if facts["name"] == name:
                found.append((previous, state))
        return found

    def transitions(self, name="v1"):
        return [(event["previous"], event["state"]) for event in self.daemon.events()
                if event["object_type"] == "vip" and event["object"] == name and event["code"] == "state"]

    def close(self):
        self.daemon.close()
        for path in sorted(self.directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        self.directory.rmdir()


@pytest.fixture
def hooked(make_lab):
    made = []

    def make(**options):
        made.append(Hooked(make_lab(names=("lb1",), ports=1), **options))
        return made[-1]
    yield make
    for one in made:
        one.close()


def test_each_transition_has_its_hook_in_order(hooked):
    h = hooked(vips=3)
    for health in (0, 1, 0, 1):
        h.service.set(health)
        wait_check(h.daemon, "passed" if health else "failed")
        for i in (1, 2, 3):
            h.daemon.wait_state("active" if health else "fault", name=f"v{i}")
    for i in (1, 2, 3):
        wait_for(lambda i=i: h.lines(f"v{i}") == h.transitions(f"v{i}"), 20, f"the hooks of v{i}")
        assert len(h.lines(f"v{i}")) >= 10


def test_slow_hooks_wait_in_line(hooked):
    """While one hangs, nothing else does, and none is left out."""
    h = hooked(begin="while [ -e {directory}/wait ]; do sleep 0.02; done", vips=1)
    wait_for(lambda: h.lines() == h.transitions(), 20, "the hooks of the start")
    (h.directory / "wait").touch()
    for health in (0, 1, 0, 1):
        h.service.set(health)
        h.daemon.wait_state("active" if health else "fault", name="v1")
    told = len(h.lines())
    assert told < len(h.transitions())
    assert h.daemon.ctl("reexec").returncode == 0  # the line goes on in the next program
    assert len(h.lines()) == told
    (h.directory / "wait").unlink()
    wait_for(lambda: h.lines() == h.transitions(), 20, "all hooks, in order")


def test_killed_runner_does_the_last_hook_again(hooked):
    h = hooked(begin="while [ -e {directory}/wait ]; do sleep 0.02; done")
    wait_for(lambda: h.lines() == h.transitions(), 20, "the hooks of the start")
    (h.directory / "wait").touch()
    h.service.set(0)
    h.daemon.wait_state("fault", name="v1")
    for pid in runners(h.daemon):
        os.kill(pid, signal.SIGKILL)
    (h.directory / "wait").unlink()
    wait_for(lambda: h.lines() and h.lines()[-1] == h.transitions()[-1], 20, "the last state")


def test_failed_test_hands_back(pair):
    p = pair()
    one, two = p.daemons
    broken = p.services[0].path.parent / "broken"
    broken.write_text("0\n")
    broken.chmod(0o644)
    deep = f"  deep: {{file: {{path: {broken}, min: 1}}, interval: 100ms, timeout: 90ms, start: passed, fall: 100, rise: 1}}\n"
    text = p.config(p.lab.nodes[0], 200, more=deep + 'hooks:\n  try: {when: "vip:web active", test: deep}\n')
    one.write(text)
    assert one.ctl("reload").returncode == 0
    assert one.state() == "active"  # it had taken it before
    p.services[0].set(0)
    two.wait_state("active")
    p.services[0].set(1)  # takes it, tries it, and hands it back
    wait_for(lambda: "test after taking over failed" in (one.vip()["reason"] or ""), 15, "the test's failure")
    two.wait_state("active")
    one.wait_state("fault")
    broken.write_text("1\n")
    one.wait_state("active")
    wait_for(lambda: "hook try for vip:web: done" in one.log(), 15, "a test that passes")
    assert one.state() == "active"


def test_blocking_hook_comes_before_the_vip(hooked):
    h = hooked(hooks="  before: {{when: \"vip:v1 active\", run: [{script}], blocking: {{before: active, limit: 5s}}}}\n"
               "  note: {{when: \"vip:v1\", run: [{script}]}}\n")
    wait_for(lambda: len(h.lines()) == len(h.transitions()) + 1, 20, "each hook of each change")
    assert h.lines().count(("backup", "active")) == 2
    codes = [(event["code"], event["state"]) for event in h.daemon.events() if event["object"] == "v1"]
    assert codes.index(("taking", None)) < codes.index(("state", "active"))
    log = h.daemon.log()
    assert log.index("hook before for vip:v1: done") < log.index("v1: backup \u2192 active")


def test_hooks_of_the_end_are_done(hooked):
    h = hooked()
    wait_for(lambda: h.lines() == h.transitions(), 20, "the hooks of the start")
    h.daemon.stop()
    assert [state for _, state in h.lines()][-1] == "init"
    assert "hooks are still under way" not in h.daemon.log()
