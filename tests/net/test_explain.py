# SPDX-License-Identifier: GPL-2.0-or-later
"""`standbyctl explain` and `watch`: why it is so, in sentences and in figures, and what is, live."""
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios

from conftest import bond_text, bonds_config, plain_config, vip_config
from lab import Standbyd, binary, wait_for


def explain(daemon, name):
    done = daemon.ctl("explain", name, "--json")
    assert done.returncode == 0, done
    answer = json.loads(done.stdout)
    assert answer["schema"] == 1 and answer["node"] == daemon.node.name
    return answer["explanations"]


def sentences(daemon, name):
    found = explain(daemon, name)
    assert len(found) == 1, found
    return "\n".join(found[0]["sentences"])


def test_a_pair(pair):
    two = pair()
    active, backup = explain(two.d1, "web")[0], explain(two.d2, "web")[0]
    assert (active["kind"], active["state"], backup["state"]) == ("vip", "active", "backup")
    said = "\n".join(active["sentences"])
    for words in ("web has been active for ", "sends an advert from 192.0.2.11 every 100 ms", "lease of 3 s", "priority is 200, as configured",
                  "Its addresses (1) are on eno1, which has link", "No advert of another node was ever heard"):
        assert words in said, (words, said)
    said = "\n".join(backup["sentences"])
    for words in ("hears 192.0.2.11 with priority 200", "Down, which is 360.9 ms: three intervals of 100 ms and a skew of 60.9 ms for priority 100",
                  "Its addresses would be on eno1"):
        assert words in said, (words, said)
    figures = backup["figures"]
    assert figures["heard_source"] == "192.0.2.11" and figures["heard_priority"] == 200 and figures["interval_ms"] == 100
    assert abs(figures["down_ms"] - 360.9375) < 0.001 and 0 <= figures["takes_over_in_ms"] <= 361
    assert backup["events"] and all(e["object"] == "web" for e in backup["events"]) and len(backup["events"]) <= 5
    people = two.d1.ctl("explain", "web").stdout
    assert people.startswith("vip web  active\n") and max(map(len, people.splitlines()[:8])) <= 99


def test_nobody_has_that_name(pair):
    two = pair()
    done = two.d1.ctl("explain", "wep")
    assert done.returncode == 1 and "did you mean 'web'" in done.stderr
    assert two.d1.ctl("explain").returncode == 2


def test_what_people_ordered(pair):
    two = pair()
    two.d1.call("Drain")
    assert "said goodbye" in sentences(two.d1, "web") or "drained" in sentences(two.d1, "web")
    two.d1.wait_state("init")
    assert "this node is drained" in sentences(two.d1, "web").lower()
    two.d1.call("Undrain")
    two.d1.wait_state("active")
    assert two.d1.ctl("handover", "web", "--force").returncode == 0
    two.d2.wait_state("active")
    two.d1.wait_state("backup")
    assert "A person handed it over" in sentences(two.d1, "web")


def test_what_it_rests_on(make_lab):
    lab = make_lab(names=("lb1",))
    lab.lb1.ready().address("eno1", "192.0.2.11/24")
    vips = [vip_config(lab.lb1, priority=200, lower="{'interface:eno7': 50}"),
            vip_config(lab.lb1, name="mail", vrid=52, addresses=("192.0.2.101",), require="['interface:eno8']"),
            vip_config(lab.lb1, name="far", vrid=53, on="eno9", addresses=("192.0.2.102",))]
    daemon = Standbyd(lab.lb1, plain_config(lab.lb1, *vips)).start().wait_state("active")
    said = sentences(daemon, "web")
    assert "Its priority is 150, and not 200 as configured." in said
    assert "interface:eno7 is not there, which lowers the priority by 50: the interface does not exist." in said
    assert "It requires interface:eno8, which is not there" in sentences(daemon, "mail")
    assert "It is on eno9, which has no interface that could carry it now." in sentences(daemon, "far")


def test_ports(make_lab):
    lab = make_lab(names=("lb1",))
    lab.lb1.ready()
    daemon = Standbyd(lab.lb1, bonds_config(lab.lb1, bond_text(
        prefer="eno1", failback="never", hold="1s",
        probes="{client: {kind: arp, targets: [192.0.2.200], interval: 50ms, lost: 3}}"))).start()
    wait_for(lambda: all(p["probes"][0]["state"] == "answered" for p in daemon.bond()["ports"]), 5)
    said = sentences(daemon, "bond0")
    for words in ("bond0 has been up for ", "eno1 is the preferred one of bond0", "eno2 could be used; eno1 is the preferred one.",
                  "Through eno2 the target 192.0.2.200 (probe client) answers, last ", "failback never", "waits 1 s (hold)"):
        assert words in said, (words, said)
    lab.lb1.pull("eno1")
    wait_for(lambda: daemon.bond()["active_port"] == "eno2", 5)
    lab.lb1.plug("eno1")
    wait_for(lambda: daemon.bond()["ports"][0]["state"] == "hold", 5)
    assert "has a penalty of" in sentences(daemon, "eno1")
    wait_for(lambda: daemon.bond()["ports"][0]["state"] == "standby", 5)
    said = sentences(daemon, "eno1")
    assert "eno1 could be used and is preferred; eno2 keeps the traffic until it fails, since failback is never." in said, said
    assert explain(daemon, "eno1")[0]["kind"] == "port" and "It is a port of bond0, which is up." in said
    assert daemon.ctl("switch", "bond0", "eno1").returncode == 0
    wait_for(lambda: daemon.bond()["active_port"] == "eno1", 5)
    assert "a person chose eno1" in sentences(daemon, "eno2")


def test_a_change_that_is_refused(make_lab):
    """What the kernel said, how often, and when it is tried again."""
    lab = make_lab(names=("lb1",), ports=1)
    node = lab.lb1.ready()
    node.address("eno1", "192.0.2.11/24")
    node.sysctl("ipv6/conf/eno1/disable_ipv6", 1)
    daemon = Standbyd(node, plain_config(node, addresses=("192.0.2.100", "2001:db8::100"))).start()

    def refused():
        """an explanation that has the refusal"""
        found = explain(daemon, "web")[0]
        return found if any(p["errno"] for p in found["pending"]) else None
    found = wait_for(refused, 10)
    change = next(p for p in found["pending"] if p["errno"])
    assert change["change"] == "address-add" and change["address"] == "2001:db8::100" and change["interface"] == "eno1"
    assert change["error"] and change["failures"] > 0 and change["retry_ms"] >= 0
    said = "\n".join(found["sentences"])
    assert "the kernel refused to add address 2001:db8::100" in said and "refusals in a row: " in said, said


def test_watch_in_a_pipe(pair):
    two = pair()
    with subprocess.Popen([binary("standbyctl"), "-r", str(two.d1.rundir), "watch"], text=True, stdout=subprocess.PIPE) as watch:
        try:
            assert watch.stdout.readline().startswith("node lb1")
            two.d1.call("Drain")
            lines = []
            while not any("is drained by hand" in line for line in lines):
                lines.append(watch.stdout.readline())
            assert not any("heard nobody for" in line and "backup → active" in line for line in lines), "only what is new"
        finally:
            watch.kill()


def test_watch_on_a_screen(pair):
    """It is drawn again when something happens, within the screen, and ends as it began."""
    two = pair()
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 99, 0, 0))
    watch = subprocess.Popen([binary("standbyctl"), "-r", str(two.d1.rundir), "watch"], stdin=slave, stdout=slave, stderr=slave,
                             env={**os.environ, "TERM": "xterm"}, start_new_session=True)
    os.close(slave)
    os.set_blocking(master, False)
    seen = b""

    def shows(words):
        nonlocal seen
        try:
            seen += os.read(master, 1 << 16)
        except OSError:
            pass
        return words in seen
    try:
        wait_for(lambda: shows(b"vip web") and b"\033[?1049h" in seen, 5, "it is drawn")
        two.d1.call("Drain")
        wait_for(lambda: shows(b"drained"), 5, "it is drawn again")
        watch.send_signal(signal.SIGINT)
        wait_for(lambda: shows(b"\033[?1049l") and watch.poll() is not None, 5, "it ends")
        assert watch.returncode == 0
        for screen in seen.split(b"\033[H")[1:]:
            assert screen.count(b"\n") <= 9, screen
    finally:
        if watch.poll() is None:
            watch.kill()
        watch.wait()
        os.close(master)


def test_watch_ends_with_the_daemon(pair):
    two = pair()
    with subprocess.Popen([binary("standbyctl"), "-r", str(two.d1.rundir), "watch"], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as watch:
        assert watch.stdout.readline().startswith("node lb1")
        two.d1.stop()
        assert watch.wait(5) == 1 and "closed the connection" in watch.stderr.read()
