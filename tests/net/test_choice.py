# SPDX-License-Identifier: GPL-2.0-or-later
"""Which port a bond of driver `move` uses: the order of what counts, failback, hold, damping, and a person's word."""
import pytest

from conftest import Bonded, allowed, bond_text, slack_ms
from lab import MS, now, pass_time, wait_for

TARGET = "192.0.2.200"
PROBE = f"{{gate: {{kind: arp, targets: [{TARGET}], interval: 30ms, lost: 3}}}}"
ORDER = ["eno3", "eno1", "eno2"]

# Ports without link, ports with link that reach nothing, and the port in use, where eno2 is preferred.
CASES = [
    ([], [], "eno2"),                            # all alike: prefer
    (["eno2"], [], "eno3"),                      # link goes before prefer; the order of the list
    (["eno2", "eno3"], [], "eno1"),
    (["eno3"], [], "eno2"),
    ([], ["eno2"], "eno3"),                      # what the probes say goes before prefer
    ([], ["eno3"], "eno2"),
    ([], ["eno2", "eno3"], "eno1"),              # and before the order
    (["eno3"], ["eno2"], "eno1"),
    (["eno3", "eno1"], ["eno2"], "eno2"),        # link goes before what the probes say
    (["eno2"], ["eno3", "eno1"], "eno3"),
]


def three(make_lab, **keys):
    """One node with three ports, the third into the first switch."""
    lab = make_lab(names=("lb1",), ports=3)
    lab.switch.link_set("lb1-eno3", master=lab.switch.index("sw1"))
    lab.lb1.ready()  # or the first one to have link would be in use for ever with failback never
    keys = {"ports": ORDER, "prefer": "eno2", "hold": "0s", "damping": "false", **keys}
    one = Bonded(lab, bond_text(**keys)).wait_on(keys["prefer"]).ask()
    wait_for(lambda: sorted(one.ports().values()) == ["active", "standby", "standby"], 5)
    return one


def switch_of(one, port):
    return one.lab.switch.index({"eno1": "sw1", "eno2": "sw2", "eno3": "sw1"}[port])


def test_link_then_probes_then_prefer_then_order(make_lab):
    one = three(make_lab, failback="always", probes=PROBE)
    for down, silent, wanted in CASES:
        since = now()
        for port in silent:
            one.lab.switch.link_set(one.node.cable(port), master=0)
        if down:
            one.node.pull(*down)
        try:
            wait_for(lambda: one.active() == wanted and one.node.places("192.0.2.11") == [wanted] and
                     all(one.port(p)["state"] in ("down", "active") for p in down + silent), 5)
        except TimeoutError:
            raise AssertionError(f"without link {down}, silent {silent}: not {wanted}, but {one.daemon.bond()}") from None
        one.lost_at_most(since, (3 + 1) * 30 * 2 + slack_ms() if wanted not in silent else 5000)
        for port in silent:
            one.lab.switch.link_set(one.node.cable(port), master=switch_of(one, port))
        if down:
            one.node.plug(*down)
        one.wait_on("eno2")
        wait_for(lambda: sorted(one.ports().values()) == ["active", "standby", "standby"], 5)


@pytest.mark.parametrize("failback,after_better,after_preferred", [("never", "eno1", "eno1"), ("better", "eno1", "eno2"),
                                                                   ("always", "eno3", "eno2")])
def test_failback(make_lab, failback, after_better, after_preferred):
    one = three(make_lab, failback=failback)
    one.node.pull("eno2", "eno3")
    one.wait_on("eno1")
    since = one.node.plug("eno3")
    wait_for(lambda: one.port("eno3")["state"] in ("standby", "active"), 5)
    one.wait_on(after_better)
    one.node.plug("eno2")
    wait_for(lambda: one.port("eno2")["state"] in ("standby", "active"), 5)
    one.wait_on(after_preferred)
    pass_time(0.1)
    window = one.probe.window(since)
    assert window.lost <= allowed(2) and one.active() == after_preferred, window


def test_hold_begins_anew_with_each_loss(bonded):
    hold_ms = 600
    one = bonded(bond_text(prefer="eno1", hold=f"{hold_ms}ms")).wait_on("eno1").ask()
    one.node.pull("eno1")
    one.wait_on("eno2")
    one.node.plug("eno1")
    port = wait_for(lambda: one.port("eno1") if one.port("eno1")["state"] == "hold" else None, 5)
    assert port["reason_code"] == "port-hold" and "600 ms" in port["reason"], port
    pass_time(hold_ms / 2000)
    one.node.pull("eno1")
    wait_for(lambda: one.port("eno1")["state"] == "down", 5)
    since = one.node.plug("eno1")
    one.wait_on("eno1")
    moved = next(at for at, added in reversed(one.node.changes("192.0.2.11", since)) if added)
    assert moved - since >= hold_ms * MS, (moved - since) / MS


def flap(one, port, times):
    for _ in range(times):
        one.node.pull(port)
        wait_for(lambda: one.port(port)["state"] == "down", 5)
        one.node.plug(port)
        wait_for(lambda: one.port(port)["state"] != "down", 5)


def test_a_flapping_port_is_left_alone_and_comes_back(bonded):
    one = bonded(bond_text(prefer="eno1", hold="0s")).wait_on("eno1").ask()
    flap(one, "eno1", 3)
    one.wait_on("eno1")
    assert 2000 < one.port("eno1")["penalty"] <= 3000
    flap(one, "eno1", 1)
    one.wait_on("eno2")
    port = one.port("eno1")
    assert port["state"] == "hold" and port["reason_code"] == "port-damped" and 3000 < port["penalty"] <= 4000, port
    assert f"penalty {port['penalty']}" in port["reason"] or "penalty 3" in port["reason"], port
    assert any("eno1" in w and "flaps" in w for w in one.daemon.status()["warnings"])
    since = one.node.pull("eno2")
    one.wait_on("eno1").lost_at_most(since, slack_ms())  # better than none
    since = one.node.plug("eno2")
    one.wait_on("eno2")  # which is again left for one that does not flap
    assert one.port("eno1")["reason_code"] == "port-damped"
    # 4,000 is below 1,500 after one and a half half-lives of 15 s; the loss of eno2 does not prolong it.
    one.wait_on("eno1", deadline=25)
    assert one.port("eno1")["penalty"] < 1500 and not one.daemon.status()["warnings"]
    assert one.probe.window(since).lost <= allowed(1)


def test_without_damping_a_flapping_port_is_used(bonded):
    one = bonded(bond_text(prefer="eno1", hold="0s", damping="false")).wait_on("eno1")
    flap(one, "eno1", 5)
    one.wait_on("eno1")
    assert one.port("eno1")["penalty"] > 3000 and not one.daemon.status()["warnings"]
    # A reload that damps does so at once, and one that does not ends it.
    one.reload(bond_text(prefer="eno1", hold="0s")).wait_on("eno2")
    assert one.port("eno1")["reason_code"] == "port-damped"
    one.reload(bond_text(prefer="eno1", hold="0s", damping="false")).wait_on("eno1")


# ---- by hand -----------------------------------------------------------------------------------------------------------


def by_hand(one, *words):
    done = one.daemon.ctl("switch", *words)
    assert done.returncode == 0, done
    return done.stdout


def test_a_person_chooses_until_that_port_fails(bonded):
    keys = {"prefer": "eno1", "failback": "always", "hold": "0s", "damping": "false"}
    one = bonded(bond_text(**keys)).wait_on("eno1").ask()
    since = now()
    assert "eno2" in by_hand(one, "bond0", "eno2")
    one.wait_on("eno2")
    bond = one.daemon.bond()
    assert bond["manual"] and one.port("eno2")["reason_code"] == "port-manual", bond
    assert any("by hand" in w for w in one.daemon.status()["warnings"])
    assert "by hand" in one.daemon.ctl("status").stdout
    one.node.pull("eno1")
    wait_for(lambda: one.port("eno1")["state"] == "down", 5)
    one.node.plug("eno1")
    wait_for(lambda: one.port("eno1")["state"] == "standby", 5)
    one.reload(bond_text(**keys)).wait_on("eno2")
    assert one.daemon.bond()["manual"], "a reload changes nothing of it"
    window = one.probe.window(since)
    assert window.lost <= allowed(1), window

    since = one.node.pull("eno2")
    one.wait_on("eno1").lost_at_most(since, slack_ms())
    assert not one.daemon.bond()["manual"]
    one.node.plug("eno2")
    wait_for(lambda: one.port("eno2")["state"] == "standby", 5)
    one.wait_on("eno1")

    by_hand(one, "bond0", "eno2")
    one.wait_on("eno2")
    since = now()
    assert "eno1" in by_hand(one, "bond0", "auto")
    one.wait_on("eno1")
    assert not one.daemon.bond()["manual"] and not one.daemon.status()["warnings"]
    window = one.probe.window(since)
    assert window.lost <= allowed(1), window


def test_a_person_may_choose_what_is_held(bonded):
    one = bonded(bond_text(hold="60s")).wait_on("eno1").ask()
    one.node.pull("eno2")
    wait_for(lambda: one.port("eno2")["state"] == "down", 5)
    done = one.daemon.ctl("switch", "bond0", "eno2")
    assert done.returncode == 1 and "eno2" in done.stderr and "no carrier" in done.stderr, done
    one.node.plug("eno2")
    wait_for(lambda: one.port("eno2")["state"] == "hold", 5)
    by_hand(one, "bond0", "eno2")
    one.wait_on("eno2")


def test_a_persons_choice_ends_when_it_reaches_nothing(bonded):
    one = bonded(bond_text(prefer="eno1", probes=PROBE)).wait_on("eno1").ask()
    wait_for(lambda: all(p["state"] == "answered" for q in ("eno1", "eno2") for p in one.port(q)["probes"]), 5)
    by_hand(one, "bond0", "eno2")
    one.wait_on("eno2")
    since = now()
    one.lab.switch.link_set(one.node.cable("eno2"), master=0)
    one.wait_on("eno1").lost_at_most(since, (3 + 1) * 30 + slack_ms())
    assert not one.daemon.bond()["manual"]


@pytest.mark.parametrize("words,said", [(["bond9", "eno1"], "there is no bond 'bond9'; did you mean 'bond0'?"),
                                        (["nothing", "auto"], "there is no bond 'nothing'; there is bond0"),
                                        (["bond0", "eno3"], "bond0 has no port 'eno3'; it has eno1 (eno*), eno2 (eno*)"),
                                        (["bond0"], "switch"), ([], "switch"), (["bond0", "eno1", "eno2"], "switch")])
def test_wrong_names_are_told(bonded, words, said):
    one = bonded(bond_text(ports=["eno*"])).wait_on("eno1")
    done = one.daemon.ctl("switch", *words)
    assert done.returncode == (1 if len(words) == 2 else 2) and said in done.stderr, done
    assert one.active() == "eno1" and not one.daemon.bond()["manual"]
