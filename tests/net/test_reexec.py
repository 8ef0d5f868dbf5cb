# SPDX-License-Identifier: GPL-2.0-or-later
"""Another program goes on in the daemon's process: the others on the wire see nothing, people are told."""
import json
import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from bonds import DRIVERS, Bonded
from conftest import Pair, allowed, bond_text, bonds_config, plain_config, slack_ms, vip_config
from lab import MS, VIP, Standbyd, binary, now, pass_time, wait_for

ANNOUNCED = 2 * 6  # frames: two a time, and six times after it became active


class Installed(Standbyd):
    """A daemon whose program is a file of its own, so that another can be put in its place."""

    def __init__(self, node, config, **more):
        super().__init__(node, config, **more)
        self.program = self.directory / "standbyd"
        self.install(lambda data: data)

    def install(self, change):
        """As a package does it: a new file under the old name."""
        new = self.program.with_suffix(".new")
        with open(binary("standbyd"), "rb") as file:
            new.write_bytes(change(file.read()))
        new.chmod(0o755)
        new.rename(self.program)

    def command(self):
        return [self.program, *super().command()[1:]]

    def reexec(self):
        done = self.ctl("reexec")
        assert done.returncode == 0, done
        return done


class InstalledPair(Pair):
    """With a sniffer that has seen everything."""

    def start(self):
        self.sniffer = self.lab.sniff()
        return super().start()

    def _daemon(self, node, kind, priority):
        return Installed(node, self.config(node, priority))


@pytest.fixture
def two(make_lab):
    return lambda **options: InstalledPair(make_lab(ports=1), **options).start()


def gaps(sniffer, source, since, vrid=51):
    adverts = sniffer.adverts(source, since, vrid=vrid)
    assert all(f["priority"] for f in adverts), "a goodbye"
    return [(b["at"] - a["at"]) / MS for a, b in zip(adverts, adverts[1:])]


def states(daemon):
    """The changes of state that it remembers."""
    return [(e["seq"], e["object"], e["previous"], e["state"]) for e in daemon.events() if e["code"] == "state"]


def versions(daemon):
    return [e["text"].split("version ")[1] for e in daemon.events() if e["code"] == "re-executed"]


def test_an_active_vip_and_its_backup_go_on(two):
    one = two()
    sniffer = one.sniffer
    pids = one.d1.process.pid, one.d2.process.pid
    since, before, told = now(), one.d1.vip()["since"], (states(one.d1), states(one.d2))
    for _ in range(5):
        for daemon in (one.d1, one.d2):
            assert daemon.reexec().stdout.startswith("re-executed, version ")
    pass_time(0.5)
    window = one.probe.window(since)
    assert window.lost == 0 and window.nodes == ["lb1"], window
    assert (one.d1.process.pid, one.d2.process.pid) == pids and one.d1.alive and one.d2.alive
    assert one.d1.state() == "active" and one.d2.state() == "backup" and one.d1.vip()["since"] == before
    assert one.d2.vip()["active_source"] == "192.0.2.11" and one.d2.vip()["reason_code"] == "other-active"
    assert not one.n1.changes(since=since) and not one.n2.changes(since=since), "no address came or went"
    assert len(sniffer.garps(VIP)) <= ANNOUNCED, "nothing was announced again"
    assert not sniffer.adverts("192.0.2.12", since), "the backup never spoke"
    assert max(gaps(sniffer, "192.0.2.11", since)) <= 100 + slack_ms()
    assert (states(one.d1), states(one.d2)) == told, "nothing that people have to know"
    assert len(versions(one.d1)) == len(versions(one.d2)) == 5


def test_ten_milliseconds(make_lab):
    lab = make_lab(names=("lb1",), ports=1)
    lab.lb1.ready().address("eno1", "192.0.2.11/24")
    lab.answer()
    sniffer = lab.sniff()
    daemon = Installed(lab.lb1, plain_config(lab.lb1, advert="10ms", priority=200)).start().wait_state("active")
    since, before = now(), daemon.vip()["since"]
    children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children")
    kept = children.read_text()  # what would start a runner
    for _ in range(10):
        daemon.reexec()
    assert daemon.vip()["since"] == before and daemon.state() == "active"
    assert max(gaps(sniffer, "192.0.2.11", since)) <= 30 + slack_ms()
    assert not lab.lb1.changes(since=since) and len(sniffer.garps(VIP)) <= ANNOUNCED
    wait_for(lambda: children.read_text() == kept, 5, "whoever stood in has ended")


def test_many_vips(make_lab):
    """Each advert of 200 vips leaves in time."""
    lab = make_lab(names=("lb1",), ports=1)
    lab.lb1.ready().address("eno1", "192.0.2.11/24")
    lab.answer()
    vips = [vip_config(lab.lb1, name=f"v{i}", vrid=i, addresses=(f"198.51.100.{i}",), priority=200) for i in range(1, 201)]
    daemon = Installed(lab.lb1, plain_config(lab.lb1, *vips)).start()
    wait_for(lambda: all(v["state"] == "active" for v in daemon.status()["vips"]), 15)
    sniffer = lab.sniff()
    since = now()
    for _ in range(3):
        daemon.reexec()
    pass_time(0.3)
    for vrid in range(1, 201):
        late = gaps(sniffer, "192.0.2.11", since, vrid)
        assert late and max(late) <= 100 + slack_ms(), f"vrid {vrid}: {max(late)} ms"
    assert all(v["state"] == "active" for v in daemon.status()["vips"])


def test_what_cannot_go_on_is_refused(two):
    one = two()
    since, before = now(), one.d1.vip()
    good = one.d1.program.read_bytes()
    for text, said in ((b"no program", "cannot execute"), (b"#!/bin/sh\necho it is broken; exit 1\n", "it is broken"),
                       (b"#!/bin/sh\nexit 2\n", "another version"), (b"#!/bin/sh\nkill -9 $$\n", "was killed by signal 9"),
                       (None, "cannot execute")):
        one.d1.install(lambda data, text=text: text or b"")
        if text is None:
            one.d1.program.unlink()
        done = one.d1.ctl("reexec")
        assert done.returncode == 1 and said in done.stderr, (text, done)
    one.d1.install(lambda data: good)
    config = one.d1.config
    one.d1.write(config.replace("    advert:", "    advret:"))
    done = one.d1.ctl("reexec")
    assert done.returncode == 4 and "did you mean 'advert'" in done.stderr and "standbyd.yaml:" in done.stderr, done
    one.d1.write(config)
    window = one.probe.window(since)
    assert window.lost == 0 and one.d1.vip()["since"] == before["since"] and not versions(one.d1)
    one.d1.reexec()
    assert len(versions(one.d1)) == 1


def test_one_at_a_time(two):
    """A program that takes long to check its configuration: meanwhile another request is refused, and a stop is not kept up."""
    one = two()
    one.d1.install(lambda data: b"#!/bin/sh\nexec sleep 60\n")
    first = subprocess.Popen([binary("standbyctl"), "-r", str(one.d1.rundir), "reexec"], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: "asking" in one.d1.log(), 5)
    done = one.d1.ctl("reexec")
    assert done.returncode == 1 and "under way" in done.stderr, done
    one.d1.stop(deadline=10)
    assert one.d1.exit_status == 0
    assert first.wait(5) == 1 and first.stderr.read()
    first.stderr.close()


def test_another_version(two):
    """The history is kept, and says who goes on; so is the supervisor told."""
    one = two()
    seen = one.d1.events()
    word = one.d1.ctl("--version").stdout.split()[1].encode()
    other = word[:-1] + (b"8" if word[-1:] == b"9" else b"9")
    one.d1.install(lambda data: data.replace(word + b"\0", other + b"\0"))
    one.d1.notified()
    done = one.d1.ctl("reexec", "--json")
    assert json.loads(done.stdout) == {"previous": word.decode(), "version": other.decode()}, done
    told = one.d1.notified()
    assert "RELOADING=1" in told and told.index("RELOADING=1") < told.index("READY=1") and any(
        w.startswith("MONOTONIC_USEC=") for w in told), told
    after = one.d1.events()
    assert after[:len(seen)] == seen and after[len(seen)]["text"] == f"lb1: re-executed, version {word.decode()} → {other.decode()}"
    assert [e["seq"] for e in after] == list(range(1, len(after) + 1))
    one.d1.stop()
    assert one.d1.exit_status == 0 and not one.n1.holds(VIP)


def test_clients(two):
    """Nobody who connects is refused, and who follows the events goes on."""
    one = two()
    ended, refused, asked = threading.Event(), [], []

    def knock():
        while not ended.is_set():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
                try:
                    s.connect(str(one.d1.rundir / "io.standbyd"))
                    asked.append(1)
                except OSError as error:
                    refused.append(error)
    thread = threading.Thread(target=knock)
    follower = subprocess.Popen([binary("standbyctl"), "-r", str(one.d1.rundir), "events", "-f", "--json"], text=True,
                                stdout=subprocess.PIPE)
    thread.start()
    try:
        for _ in range(3):
            one.d1.reexec()
        one.d1.ctl("drain")
        codes = []
        while "drained" not in codes:
            codes.append(json.loads(follower.stdout.readline())["code"])
    finally:
        ended.set()
        thread.join()
        follower.kill()
        follower.wait()
        follower.stdout.close()
    assert codes.count("re-executed") == 3 and asked and not refused


def test_orders_are_kept(two):
    one = two()
    assert one.d1.ctl("handover", "web", "--force").returncode == 0
    one.d2.wait_state("active")
    one.d1.wait_state("backup")
    assert one.d2.ctl("drain").returncode == 0
    one.d2.wait_state("init")
    one.d1.wait_state("active")
    one.d2.reexec()
    assert one.d2.status()["drained"] and one.d2.state() == "init"
    assert [e["code"] for e in one.d2.events()].count("drained") == 1, "it is no news"
    assert one.d2.ctl("undrain").returncode == 0
    assert one.d1.ctl("handover", "web").returncode == 0
    one.d2.wait_state("active")
    one.d1.wait_state("backup")
    one.d1.reexec()
    since = now()
    assert one.d1.vip()["handed_over"]
    pass_time(0.6)
    assert one.d1.state() == "backup" and one.probe.window(since).nodes == ["lb2"]


def test_a_backup_follows_a_slower_one(two):
    """What it learned of the active one's interval: by its own it would take over at once."""
    one = two(advert_ms=1000)
    one.d2.write(one.d2.config.replace("advert: 1000ms", "advert: 100ms"))
    assert one.d2.ctl("reload").returncode == 0
    sniffer = one.lab.sniff()
    since = now()
    for _ in range(4):
        one.d2.reexec()
        pass_time(0.5)
    assert one.d2.state() == "backup" and not sniffer.adverts("192.0.2.12", since)
    one.n1.power_off()
    at = now()
    one.d2.wait_state("active")
    assert (now() - at) / MS <= 3000 + 700 + slack_ms()


def test_a_vip_that_leaves_is_waited_for(two):
    one = two(advert_ms=500)
    one.d2.stop()
    one.d1.call("Drain")
    assert one.d1.state() == "leaving"
    one.d1.reexec()
    assert one.d1.state() == "init" and not one.n1.holds(VIP)
    assert ("web", "leaving", "init") in [s[1:] for s in states(one.d1)]


def test_without_being_root(make_lab):
    """With the capabilities alone, as a service of its own user has them."""
    lab = make_lab(names=("lb1",), ports=1)
    lab.lb1.ready().address("eno1", "192.0.2.11/24")

    class Nobody(Installed):
        def command(self):
            caps = "+net_admin,+net_raw"
            return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"--inh-caps={caps}",
                    f"--ambient-caps={caps}", *super().command()]
    daemon = Nobody(lab.lb1, plain_config(lab.lb1))
    os.chown(daemon.rundir, 65534, 65534)
    daemon.notify_path and os.chmod(daemon.notify_path, 0o777)
    daemon.start().wait_state("active")
    before = daemon.vip()["since"]
    for _ in range(2):
        daemon.reexec()
    assert daemon.vip()["since"] == before
    daemon.stop()
    assert daemon.exit_status == 0 and not lab.lb1.holds(VIP)


def test_a_bond_that_moves(make_lab):
    """A person's choice, who answers probes, and how long each state lasts; the vip on it stays."""
    lab = make_lab(names=("lb1",))
    lab.lb1.ready()
    lab.answer()
    config = bonds_config(lab.lb1, bond_text(prefer="eno1", failback="always", hold="2s",
                                             probes="{client: {kind: arp, targets: [192.0.2.200], interval: 50ms, lost: 3}}"),
                          vips=[vip_config(lab.lb1, on="bond0", priority=200)])
    daemon = Installed(lab.lb1, config).start().wait_state("active")
    wait_for(lambda: all(p["probes"][0]["state"] == "answered" for p in daemon.bond()["ports"]), 5)
    assert daemon.ctl("switch", "bond0", "eno2").returncode == 0
    wait_for(lambda: lab.lb1.holds(VIP) == "eno2", 5)
    probe = lab.probe()
    probe.answered_by("lb1", 5)
    told, before = states(daemon), daemon.bond()
    since = now()
    for _ in range(5):
        daemon.reexec()
        assert all(p["probes"][0]["state"] == "answered" for p in daemon.bond()["ports"])
    pass_time(0.3)
    window = probe.window(since)
    assert window.lost == 0, window
    after = daemon.bond()
    assert after["active_port"] == "eno2" and after["manual"] and after["failovers"] == before["failovers"]
    assert [(p["state"], p["since"]) for p in after["ports"]] == [(p["state"], p["since"]) for p in before["ports"]]
    assert states(daemon) == told and not lab.lb1.changes(since=since)
    lab.lb1.pull("eno2")
    wait_for(lambda: lab.lb1.holds(VIP) == "eno1", 5)


def test_a_virtual_mac_address(two):
    """Its device and what it borrowed of the machine's settings stay as they are."""
    one = two(mac="virtual")
    links, since, before = sorted(one.n1.links()), now(), one.d1.vip()["since"]
    told = states(one.d1)
    for _ in range(3):
        one.d1.reexec()
    pass_time(0.3)
    window = one.probe.window(since)
    assert window.lost == 0 and window.nodes == ["lb1"], window
    assert sorted(one.n1.links()) == links and one.d1.vip()["since"] == before and states(one.d1) == told
    assert not one.n1.changes(since=since)
    one.d1.stop()
    one.probe.answered_by("lb2", 5)
    assert not one.n1.holds(VIP)


@pytest.mark.bonding
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_bond_that_is_a_device(make_lab, driver):
    """The device, its port that a person chose, and the vip on it: nothing happens to any of them."""
    one = Bonded(make_lab(names=("lb1",)), driver, probes="{client: {kind: arp, targets: [192.0.2.200], interval: 100ms, lost: 3}}")
    wait_for(lambda: all(p["probes"][0]["state"] == "answered" for p in one.daemon.bond()["ports"]), 10)
    assert one.daemon.ctl("switch", "bond0", "eno2").returncode == 0
    one.on("eno2")
    index, told, before = one.node.index("bond0"), states(one.daemon), one.daemon.bond()
    since = now()
    for _ in range(3):
        done = one.daemon.ctl("reexec")
        assert done.returncode == 0, done
    pass_time(0.5)
    window = one.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb1"], window
    after = one.daemon.bond()
    assert one.node.index("bond0") == index and after["active_port"] == "eno2" and after["manual"]
    assert [(p["state"], p["since"]) for p in after["ports"]] == [(p["state"], p["since"]) for p in before["ports"]]
    assert states(one.daemon) == told and len(versions(one.daemon)) == 3
    one.on("eno2")
