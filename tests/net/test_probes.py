# SPDX-License-Identifier: GPL-2.0-or-later
"""Probes under driver `move`: what they say on the wire, and what a silent switch makes of the choice."""
import json
import socket

import pytest

from conftest import bond_text, slack_ms
from lab import Namespace, Sniffer, now, pass_time, wait_for

TARGET, TARGET6, OTHER = "192.0.2.200", "2001:db8::200", "192.0.2.201"
INTERVAL, LOST = 50, 3
BOTH = {"eno1": "active", "eno2": "standby"}


def probe_text(kind="arp", targets=(TARGET,), need="any", interval=INTERVAL, lost=LOST, name="gate"):
    listed = ", ".join(f'"{t}"' for t in targets)
    return f"{name}: {{kind: {kind}, targets: [{listed}], need: {need}, interval: {interval}ms, lost: {lost}}}"


def probed(*probes, **keys):
    return bond_text(probes="{" + ", ".join(probes) + "}", **keys)


def silence(one, *ports):
    """The switch forwards nothing of these ports any more, and their link stays. Returns the time just before."""
    at = now()
    for port in ports:
        one.lab.switch.link_set(one.node.cable(port), master=0)
    return at


def end_silence(one, *ports):
    at = now()
    for port in ports:
        one.lab.switch.link_set(one.node.cable(port), master=one.lab.switch.index("sw" + port[-1]))
    return at


def answers(one, *ports):
    """Waits until the probes of these ports are answered."""
    for port in ports:
        wait_for(lambda port=port: all(p["state"] == "answered" for p in one.port(port)["probes"]), 5, f"{port}'s probes are answered")
    return one


def warnings(one):
    return [w for w in one.daemon.status()["warnings"] if "bond0" in w]


class NeighbourSniffer(Sniffer):
    """Neighbour solicitations and advertisements instead."""

    FILTER = [(0x28, 0, 0, 12), (0x15, 0, 6, 0x86DD), (0x30, 0, 0, 20), (0x15, 0, 4, 58), (0x30, 0, 0, 54), (0x15, 1, 0, 135),
              (0x15, 0, 1, 136), (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0)]

    @staticmethod
    def _parse(frame, entry):
        entry.update(kind="ns" if frame[54] == 135 else "na", source=socket.inet_ntop(socket.AF_INET6, frame[22:38]),
                     target=socket.inet_ntop(socket.AF_INET6, frame[62:78]), option=frame[80:86].hex(":"))


def nobody_learned_wrong(one, address):
    """The client and both switches know each MAC where it is."""
    neighbours = json.loads(one.lab.client.run("ip", "-j", "neighbour", "show").stdout)
    known = {n["dst"]: n.get("lladdr") for n in neighbours}
    if address:
        assert known.get(address) == one.node.mac(one.active()), neighbours
    assert not {one.node.mac(p) for p in one.ports() if p != one.active()} & {mac for ip, mac in known.items()
                                                                             if not ip.startswith("fe80")}, neighbours
    table = json.loads(one.lab.switch.run("bridge", "-j", "fdb", "show").stdout)
    for port, uplink in (("eno1", "uplink2"), ("eno2", "uplink1")):
        at = {e["ifname"] for e in table if e["mac"] == one.node.mac(port) and e.get("state") != "permanent"}
        assert at == {one.node.cable(port), uplink}, (port, at, "it is learned where it is, and over the uplink by the other switch")


@pytest.mark.parametrize("addresses", [["192.0.2.11/24"], []])
def test_arp_on_the_wire(bonded, make_lab, addresses):
    lab = make_lab(names=("lb1",))
    lab.client.sysctl("ipv4/neigh/cli0/base_reachable_time_ms", 100)
    sniffer = lab.sniff()
    one = bonded(probed(probe_text(interval=10)), lab=lab) if addresses else bonded(probed(probe_text(interval=10), addresses=[]), lab=lab)
    answers(one.wait_ports(BOTH), "eno1", "eno2")
    if addresses:
        one.ask()
    since = now()
    pass_time(1.5)
    macs = {port: one.node.mac(port) for port in BOTH}
    asked = [f for f in sniffer.drain() if f["kind"] == "arp" and f["op"] == 1 and f["at"] >= since and f["tpa"] == TARGET]
    by = {port: [f for f in asked if f["mac"] == macs[port]] for port in BOTH}
    assert all(len(frames) >= 50 for frames in by.values()), {port: len(frames) for port, frames in by.items()}
    assert all(f["sha"] == f["mac"] for f in asked) and {f["mac"] for f in asked} == set(macs.values())
    assert {f["spa"] for f in by["eno2"]} == {"0.0.0.0"}, "a standby asks as nobody"
    assert {f["spa"] for f in by["eno1"]} == ({"192.0.2.11"} if addresses else {"0.0.0.0"})
    nobody_learned_wrong(one, "192.0.2.11" if addresses else None)
    if addresses:
        window = one.probe.window(since)
        assert window.lost == 0, window


def test_neighbour_solicitations_on_the_wire(bonded, make_lab):
    lab = make_lab(names=("lb1",))
    sniffer = NeighbourSniffer(lab.client, "cli0")
    lab.closers.append(sniffer)
    one = bonded(probed(probe_text("ns", [TARGET6], interval=10), addresses=["192.0.2.11/24", "2001:db8::11/64"]), lab=lab)
    answers(one.wait_ports(BOTH), "eno1", "eno2").ask("2001:db8::11")
    since = now()
    pass_time(1)
    macs = {port: one.node.mac(port) for port in BOTH}
    asked = [f for f in sniffer.drain() if f["kind"] == "ns" and f["at"] >= since and f["target"] == TARGET6]
    by = {port: [f for f in asked if f["mac"] == macs[port]] for port in BOTH}
    assert all(len(frames) >= 30 for frames in by.values()), {port: len(frames) for port, frames in by.items()}
    assert all(f["option"] == f["mac"] for f in asked if f["mac"] in macs.values())
    assert all(f["source"].startswith("fe80") for f in by["eno2"]), "a standby asks from a link-local address"
    assert "2001:db8::11" in {f["source"] for f in by["eno1"]}
    nobody_learned_wrong(one, "2001:db8::11")
    since = silence(one, "eno1")
    one.wait_on("eno2", "2001:db8::11", "192.0.2.11").lost_at_most(since, (LOST + 1) * 10 + slack_ms())


def test_a_silent_switch_is_left(bonded):
    one = bonded(probed(probe_text(), failback="always"))
    answers(one.wait_ports(BOTH), "eno1", "eno2").ask()
    since = silence(one, "eno1")
    one.wait_on("eno2").lost_at_most(since, (LOST + 1) * INTERVAL + slack_ms())
    port = one.port("eno1")
    assert port["state"] == "down" and port["reason_code"] == "port-probes-lost" and TARGET in port["reason"], port
    assert one.node.carrier("eno1")
    told = [e for e in one.daemon.events() if TARGET in e["text"] and "has not answered" in e["text"]]
    assert told and "eno1" in told[0]["text"], one.daemon.events()
    assert one.daemon.bond()["reason_code"] == "bond-no-standby"
    since = end_silence(one, "eno1")
    one.wait_ports(BOTH).wait_on("eno1")
    window = one.probe.window(since)
    assert window.lost == 0, window


def test_a_standby_that_would_carry_nothing_is_told_of(bonded):
    one = bonded(probed(probe_text()))
    answers(one.wait_ports(BOTH), "eno1", "eno2").ask()
    since = silence(one, "eno2")
    warning = wait_for(lambda: warnings(one), 2 + slack_ms() / 1000)
    assert len(warning) == 1 and "eno2" in warning[0] and TARGET in warning[0], warning
    text = one.daemon.ctl("status").stdout
    assert "has not answered" in text and text.count("eno2") >= 2, text
    assert one.ports() == {"eno1": "active", "eno2": "down"} and one.daemon.bond()["state"] == "degraded"
    end_silence(one, "eno2")
    one.wait_ports(BOTH)
    assert not warnings(one) and one.daemon.bond()["state"] == "up"
    window = one.probe.window(since)
    assert window.lost == 0, window


def test_all_is_lost_and_carrier_decides(bonded):
    one = bonded(probed(probe_text(), prefer="eno1", hold="100ms"))
    answers(one.wait_ports(BOTH), "eno1", "eno2").ask()
    silence(one, "eno1", "eno2")
    wait_for(lambda: one.daemon.bond()["reason_code"] == "bond-probes-lost", 5)
    bond = one.daemon.bond()
    assert bond["state"] == "degraded" and TARGET in bond["reason"] and bond["active_port"], bond
    left = bond["active_port"]
    other = "eno2" if left == "eno1" else "eno1"
    one.node.pull(left)
    one.wait_on(other)
    wait_for(lambda: one.daemon.bond()["reason_code"] == "bond-probes-lost", 5, "the other port's probes are lost too")
    assert {probe["state"] for probe in one.port(left)["probes"]} == {"waiting"}, "without a link nobody is asked"
    assert one.daemon.ctl("status").stdout.count("  probe ") == 1
    since = end_silence(one, "eno1", "eno2")
    one.node.plug(left)
    one.wait_ports(BOTH).wait_on("eno1")
    one.probe.answered_by("lb1", 5, since)
    assert one.daemon.bond()["state"] == "up" and not warnings(one)


@pytest.mark.parametrize("need", ["any", "all"])
def test_one_of_two_targets_is_lost_through_one_port(bonded, make_lab, need):
    lab = make_lab(names=("lb1",))
    second = lab._keep(Namespace(lab, "second"))
    lab.plug_in(second, "cli1", "sw2", "02:00:00:00:c1:02", index=202)
    second.link_set("cli1", state="up")
    second.address("cli1", f"{OTHER}/24")
    one = bonded(probed(probe_text(targets=[TARGET, OTHER], need=need)), lab=lab)
    answers(one.wait_ports(BOTH), "eno1", "eno2").ask()
    # Two isolated ports of a bridge do not reach each other: eno1 has no way to the second switch, all others have.
    for port in (one.node.cable("eno1"), "uplink1"):
        lab.switch.run("ip", "link", "set", "dev", port, "type", "bridge_slave", "isolated", "on")
    wait_for(lambda: [p["state"] for p in one.port("eno1")["probes"]] == ["answered", "lost"], 5)
    if need == "all":
        one.wait_on("eno2")
        assert one.port("eno1")["reason_code"] == "port-probes-lost" and OTHER in one.port("eno1")["reason"]
    else:
        pass_time(2 * LOST * INTERVAL / 1000)
        one.wait_on("eno1").wait_ports(BOTH)


def test_a_target_that_never_answered_decides_nothing(bonded):
    silent = "192.0.2.250"
    one = bonded(probed(probe_text(), probe_text(targets=[silent], name="typo", interval=20)))
    one.wait_ports(BOTH).ask()
    since = now()
    warning = wait_for(lambda: [w for w in warnings(one) if silent in w], 15, "the target is told of")
    assert "never answered" in warning[0] and "typo" in warning[0]
    assert "never answered" in one.daemon.ctl("status").stdout
    assert any(silent in e["text"] for e in one.daemon.events())
    assert one.ports() == BOTH and one.daemon.bond()["state"] == "up"
    window = one.probe.window(since)
    assert window.lost == 0 and not one.node.changes("192.0.2.11", since), window


def test_a_probe_that_a_reload_adds_disturbs_nobody(bonded):
    one = bonded(bond_text()).wait_ports(BOTH).ask()
    since = now()
    one.reload(probed(probe_text()))
    answers(one, "eno1", "eno2")
    one.reload(probed(probe_text(), probe_text("ns", [TARGET6], name="six")))
    answers(one, "eno1", "eno2")
    one.reload(bond_text()).wait_ports(BOTH)
    window = one.probe.window(since)
    assert window.lost == 0 and not one.node.changes("192.0.2.11", since), window


def test_a_port_that_comes_is_probed(bonded):
    one = bonded(probed(probe_text(), ports=["eno*"]))
    answers(one.wait_ports(BOTH), "eno1", "eno2")
    mac = one.node.mac("eno2")
    one.node.ip.link("del", index=one.node.index("eno2"))
    one.lab.plug_in(one.node, "eno7", "sw2", mac, index=77)
    answers(one.wait_ports({"eno1": "active", "eno7": "standby"}), "eno7")
    since = one.ask() and silence(one, "eno1")
    one.wait_on("eno7").lost_at_most(since, (LOST + 1) * INTERVAL + slack_ms())
    # A rename changes nothing for what is probed by number.
    one.node.rename("eno7", "eno8")
    wait_for(lambda: one.port("eno8"), 5)
    sent = one.port("eno8")["probes"][0]["sent"]
    wait_for(lambda: one.port("eno8")["probes"][0]["sent"] > sent + 2, 5)
    answers(one, "eno8")
