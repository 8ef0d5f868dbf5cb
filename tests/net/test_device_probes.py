# SPDX-License-Identifier: GPL-2.0-or-later
"""Bonds that are devices: a switch that dies in silence, a person's choice, reloads that touch nothing else, and what is said on
the wire after a change of port."""
import socket
import struct

import pytest

from bonds import DRIVERS, OWN, OWN6, Bonded
from conftest import allowed, slack_ms
from lab import MS, VIP, Sniffer, now, pass_time, wait_for

pytestmark = pytest.mark.bonding
GATE, GATE6 = "192.0.2.200", "2001:db8::200"


@pytest.fixture(params=DRIVERS)
def driver(request):
    return request.param


def probe_text(kind, target, name="gate"):
    return f'{{{name}: {{kind: {kind}, targets: ["{target}"], interval: 50ms, lost: 3}}}}'


def silence(lab, port, silent=True):
    """The switch forwards nothing of that port any more, and its link stays."""
    lab.switch.link_set(f"lb1-{port}", master=0 if silent else lab.switch.index(f"sw{port[-1]}"))
    return now()


def answered(one, *ports):
    for port in ports:
        wait_for(lambda port=port: [p["state"] for p in one.port(port)["probes"]] == ["answered"], 5, f"{port}'s probe is answered")


@pytest.mark.parametrize("kind,target", [("arp", GATE), ("ns", GATE6)])
def test_a_switch_dies_in_silence(make_lab, driver, kind, target):
    one = Bonded(make_lab(names=("lb1",)), driver, hold="100ms", probes=probe_text(kind, target))
    answered(one, "eno1", "eno2")
    one.on("eno1")
    since = silence(one.lab, "eno1")
    one.on("eno2")
    pass_time(0.1)
    window = one.probe.window(since)
    assert window.outage_ms <= 3 * 50 + 50 + slack_ms(), window
    assert any("bond0" in w and "eno1" in w for w in one.daemon.status()["warnings"]), one.daemon.status()["warnings"]
    silence(one.lab, "eno1", False)
    one.on("eno1", 10)
    # A standby that would carry nothing is told of while nothing is wrong yet.
    since = silence(one.lab, "eno2")
    wait_for(lambda: any("bond0" in w and "eno2" in w for w in one.daemon.status()["warnings"]), 5, "a warning of eno2")
    assert one.port("eno2")["state"] == "down" and one.probe.window(since).lost <= allowed()
    # While nothing is reached at all, carrier decides.
    silence(one.lab, "eno1")
    wait_for(lambda: one.daemon.bond()["reason_code"] == "bond-probes-lost", 5)
    assert one.daemon.bond()["state"] == "degraded" and one.daemon.state() == "active"


class TaggedSniffer(Sniffer):
    """ARP requests behind a vlan; the tag is out of the frame and in the auxiliary data, or still in the frame."""

    FILTER = [(0x06, 0, 0, 0xFFFF)]

    @staticmethod
    def _parse(frame, entry):
        tagged = frame[12:14] == b"\x81\x00"
        body = frame[4:] if tagged else frame
        entry.update(kind="arp" if body[12:14] == b"\x08\x06" else "other")
        if entry["kind"] == "arp":
            entry.update(op=body[21], tpa=socket.inet_ntoa(body[38:42]), vlan=struct.unpack("!H", frame[14:16])[0] & 0xFFF if tagged else 0)


def test_behind_a_vlan_and_a_target_that_is_off(make_lab, driver):
    lab = make_lab(names=("lb1",))
    lab.client.run("ip", "link", "add", "link", "cli0", "name", "cli20", "type", "vlan", "id", "20")
    lab.client.run("ip", "link", "set", "cli20", "up")
    lab.client.address("cli20", "198.51.100.200/24")
    probes = '{off: {kind: arp, targets: [192.0.2.222], interval: 50ms}, gate: {kind: arp, targets: [198.51.100.200], interval: 50ms}}'
    vlans = "vlans:\n  bond0.20: {link: bond0, id: 20, addresses: [198.51.100.11/24]}\n"
    one = Bonded(lab, driver, hold="100ms", probes=probes, more=vlans)

    def states(port):
        return {p["target"]: p["state"] for p in one.port(port)["probes"]}
    for port in ("eno1", "eno2"):
        wait_for(lambda port=port: states(port)["198.51.100.200"] == "answered", 5, f"{port} reaches the vlan's target")
    assert states("eno1")["192.0.2.222"] != "answered" and one.daemon.bond()["state"] == "up"
    one.on("eno1")
    silence(lab, "eno1")
    one.on("eno2")


def test_a_person_chooses(make_lab, driver):
    one = Bonded(make_lab(names=("lb1",)), driver, hold="100ms")
    one.on("eno1")
    since = now()
    assert one.daemon.ctl("switch", "bond0", "eno2").returncode == 0
    one.on("eno2")
    wait_for(lambda: one.port("eno2")["reason_code"] == "port-manual", 5)
    assert one.daemon.bond()["manual"] and "by hand" in one.daemon.ctl("status").stdout
    assert one.probe.window(since).lost <= allowed(1)
    pass_time(0.3)  # hold is long over
    one.on("eno2")
    one.node.pull("eno2")
    one.on("eno1")
    one.node.plug("eno2")
    one.up()
    assert not one.daemon.bond()["manual"] and one.daemon.bond()["active_port"] == "eno1"
    assert one.daemon.ctl("switch", "bond0", "eno2").returncode == 0
    one.on("eno2")
    assert one.daemon.ctl("switch", "bond0", "auto").returncode == 0
    one.on("eno1")


def test_a_reload_touches_nothing_else(make_lab, driver):
    lab = make_lab(names=("lb1",), ports=3)
    one = Bonded(lab, driver)
    one.on("eno1")
    first = one.config()
    since = now()
    other = f"  bond1: {{driver: {driver}, ports: [eno3], addresses: [10.1.1.1/24]}}\n"
    for text in (first.replace("vips:", other + "vips:"), one.config(ports="[eno1, eno2, eno3]"),
                 one.config(addresses=f"[{OWN}/24, 10.5.5.5/24]"), one.config(probes=probe_text("arp", GATE)),
                 one.config(more="vlans:\n  bond0.20: {link: bond0, id: 20, addresses: [198.51.100.11/24]}\n")):
        one.reload(text)
        one.up()
    wait_for(lambda: one.node.holds("198.51.100.11") == "bond0.20", 5, "the last reload is done")
    window = one.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb1"], window
    one.on("eno1")
    assert not [c for c in one.node.changes(OWN, since) + one.node.changes(VIP, since) if not c[1]]
    assert one.daemon.bond()["failovers"] == 0


class WireSniffer(Sniffer):
    """What tells switches and neighbours where an address is: GARP, unsolicited NA, IGMP and MLD reports."""

    FILTER = [(0x06, 0, 0, 0xFFFF)]

    @staticmethod
    def _parse(frame, entry):
        entry["kind"] = "other"
        if frame[12:14] == b"\x08\x06" and frame[28:32] == frame[38:42]:
            entry.update(kind="garp", ip=socket.inet_ntoa(frame[28:32]), sha=frame[22:28].hex(":"), op=frame[21])
        elif frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] == 136:
            entry.update(kind="na", ip=socket.inet_ntop(socket.AF_INET6, frame[62:78]), sha=frame[80:86].hex(":"))
        elif frame[12:14] == b"\x08\x00" and frame[23] == 2:
            entry["kind"] = "igmp"
        elif frame[12:14] == b"\x86\xdd" and frame[20] == 0 and frame[54] == 58 and frame[62] in (131, 143):
            entry["kind"] = "mld"


def test_what_is_said_after_a_change_of_port(make_lab, driver):
    """By the new port, from the bond's MAC: of each address a request and a reply at 0, 10, 50, 200 ms and 1 s, besides what the
    device says by itself."""
    one = Bonded(make_lab(names=("lb1",)), driver)
    one.on("eno1")
    mac = one.node.mac("bond0")
    pass_time(1.2)  # what the start said is said
    sniffers = {}
    for port in ("eno1", "eno2"):
        sniffers[port] = WireSniffer(one.lab.switch, f"lb1-{port}")
        one.lab.closers.append(sniffers[port])
    since = one.node.pull("eno1")
    one.on("eno2")

    def heard():
        return [f for f in sniffers["eno2"].drain() if f["at"] >= since and f["mac"] == mac]

    def garps(ip):
        return [f["at"] - since for f in heard() if f["kind"] == "garp" and f["ip"] == ip]
    wait_for(lambda: all(garps(ip) and garps(ip)[-1] >= 990 * MS for ip in (OWN, VIP)), 10, "the announcement after a second")
    pass_time(0.1)
    frames = heard()
    for ip in (OWN, VIP):
        at = garps(ip)
        assert at[0] <= slack_ms() * MS, (ip, at)
        # Steps for which it was too late are passed over.
        assert 2 * 3 <= len(at) <= 2 * 5 + 4, (ip, [a / MS for a in at])
    assert all(f["sha"] == mac for f in frames if f["kind"] in ("garp", "na"))
    na = [f for f in frames if f["kind"] == "na" and f["ip"] == OWN6]
    assert 3 <= len(na) <= 5 + 4, na
    assert [f for f in frames if f["kind"] == "igmp"], "its groups are joined anew"
    assert [f for f in frames if f["kind"] == "mld"]
