# SPDX-License-Identifier: GPL-2.0-or-later
"""Which devices are a bond's ports, and what happens when one comes, goes or is renamed."""
import pytest

from conftest import Bonded, allowed, bond_text, slack_ms
from lab import now, pass_time, wait_for

BOTH = {"eno1": "active", "eno2": "standby"}
SELECTED = {
    "names": (["eno1", "eno2"], BOTH),
    "names, the other way": (["eno2", "eno1"], {"eno2": "active", "eno1": "standby"}),
    "glob": (["eno*"], BOTH),
    "class": (["eno[12]"], BOTH),
    "negated class": (["eno[!2-9]", "eno2"], BOTH),
    "question mark": (["?no2", "e*1"], {"eno2": "active", "eno1": "standby"}),
    "driver": (["driver:veth"], BOTH),
    "mac": (["mac:02:00:00:00:01:02", "eno1"], {"eno2": "active", "eno1": "standby"}),
    "path": (["path:pci-0000:00:1f.6", "eno2"], {"path:pci-0000:00:1f.6": "absent", "eno2": "active"}),
    "absent": (["eno9", "eno2"], {"eno9": "absent", "eno2": "active"}),
}


@pytest.mark.parametrize("name", SELECTED)
def test_a_selector_finds_what_it_means(bonded, name):
    ports, found = SELECTED[name]
    one = bonded(bond_text(ports=ports)).wait_ports(found)
    active = next(port for port, state in found.items() if state == "active")
    one.wait_on(active)
    assert one.port(active)["spec"] in ports
    assert one.daemon.bond()["state"] == ("up" if "standby" in found.values() else "degraded")


def test_a_reload_with_other_words_for_the_same_ports_moves_nothing(bonded):
    one = bonded(bond_text()).wait_ports(BOTH).ask()
    since = now()
    for name in ("glob", "driver", "class", "names"):
        one.reload(bond_text(ports=SELECTED[name][0])).wait_ports(BOTH)
    pass_time(0.2)
    window = one.probe.window(since)
    assert window.lost == 0 and not one.node.changes("192.0.2.11", since), window


def test_prefer_names_what_a_glob_finds(bonded):
    one = bonded(bond_text(ports=["eno*"], prefer="eno2")).wait_ports({"eno1": "standby", "eno2": "active"}).wait_on("eno2").ask()
    since = one.node.pull("eno2")
    one.wait_on("eno1").lost_at_most(since, slack_ms())


def test_a_pattern_takes_nics_alone(make_lab):
    lab = make_lab(names=("lb1",))
    node = lab.lb1.ready()
    made = []
    for words in (["link", "add", "eno3", "type", "bridge"], ["link", "add", "eno4", "type", "vxlan", "id", "7", "dstport", "4789"],
                  ["link", "add", "eno5", "link", "eno2", "type", "macvlan"],
                  ["link", "add", "eno6", "link", "eno2", "type", "macvtap"], ["link", "add", "eno7", "type", "ifb"],
                  ["link", "add", "eno8", "type", "bond"], ["link", "add", "eno9", "link", "eno2", "type", "vlan", "id", "3"],
                  ["tunnel", "add", "eno10", "mode", "ipip", "remote", "192.0.2.99"], ["link", "add", "eno11", "type", "dummy"]):
        if not node.run("ip", *words, check=False).returncode:
            made.append(words[2])
    assert "eno3" in made and "eno5" in made, "a bridge and a macvlan are there in every kernel that these tests run on"
    one = Bonded(lab, bond_text(ports=["*"]))
    one.wait_ports(BOTH).wait_on("eno1")


@pytest.mark.parametrize("order", [1, -1])
def test_a_name_goes_before_a_pattern(bonded, order):
    texts = [bond_text(ports=["eno*"]), bond_text("bond1", ports=["eno1"], addresses=["198.51.100.11/24"])]
    one = bonded(*texts[::order]).wait_ports({"eno2": "active"}).wait_ports({"eno1": "active"}, "bond1")
    one.wait_on("eno2").wait_on("eno1", "198.51.100.11")


@pytest.mark.parametrize("order", [1, -1])
def test_the_first_of_two_patterns_finds_it(bonded, order):
    texts = [bond_text(ports=["eno*"]), bond_text("bond1", ports=["*1", "*2"], addresses=["198.51.100.11/24"])]
    one = bonded(*texts[::order])
    if order == 1:
        one.wait_ports(BOTH).wait_ports({"*1": "absent", "*2": "absent"}, "bond1")
    else:
        one.wait_ports({"eno*": "absent"}).wait_ports(BOTH, "bond1")


def test_a_name_that_a_reload_adds_takes_a_port_from_a_pattern(bonded):
    glob = bond_text(ports=["eno*"])
    one = bonded(glob).wait_ports(BOTH).ask()
    since = now()
    one.reload(glob, bond_text("bond1", ports=["eno2"], addresses=["198.51.100.11/24"]))
    one.wait_ports({"eno1": "active"}).wait_ports({"eno2": "active"}, "bond1").wait_on("eno2", "198.51.100.11")
    one.reload(glob).wait_ports(BOTH)
    window = one.probe.window(since)
    assert window.lost == 0, window


# ---- coming, going, other names ----------------------------------------------------------------------------------------


def unplug(node, ifname):
    """The device is gone; its MAC, for the next one."""
    mac = node.mac(ifname)
    node.ip.link("del", index=node.index(ifname))
    return mac


@pytest.mark.parametrize("ports,later", [(["eno1", "eno2"], "eno1"), (["eno*"], "eno1"), (["eno*"], "eno7"),
                                         (["driver:veth"], "lan7"), (["mac:02:00:00:00:01:01", "eno2"], "lan7")])
def test_an_active_port_is_unplugged_and_comes_back(bonded, ports, later):
    one = bonded(bond_text(ports=ports, prefer="eno1", hold="200ms") if ports[0] == "eno*" else
                 bond_text(ports=ports, failback="always", hold="200ms"))
    one.wait_ports(BOTH).ask()
    since = now()
    mac = unplug(one.node, "eno1")
    one.wait_on("eno2").lost_at_most(since, slack_ms())
    left = {name for name in one.ports() if name != "eno2"}
    assert left <= {"eno1", ports[0]}, left
    one.lab.plug_in(one.node, later, "sw1", mac, index=71)
    # Another name than `prefer` says is no better port.
    stays = ports[0] == "eno*" and later != "eno1"
    one.wait_ports({"eno2": "active", later: "standby"} if stays else {later: "active", "eno2": "standby"}, deadline=10)
    one.wait_on("eno2" if stays else later)
    assert one.probe.window(since).nodes == ["lb1"]


def test_a_standby_is_unplugged_and_comes_back(bonded):
    one = bonded(bond_text(hold="200ms")).wait_ports(BOTH).ask()
    since = now()
    mac = unplug(one.node, "eno2")
    one.wait_ports({"eno1": "active", "eno2": "absent"})
    assert one.daemon.bond()["state"] == "degraded"
    assert one.port("eno2")["reason_code"] == "interface-gone"
    one.lab.plug_in(one.node, "eno2", "sw2", mac, index=72)
    one.wait_ports(BOTH, deadline=10)
    window = one.probe.window(since)
    assert window.lost == 0, window


@pytest.mark.parametrize("ports", [["eno*"], ["driver:veth"], ["mac:02:00:00:00:01:01", "mac:02:00:00:00:01:02"]])
def test_a_found_port_may_be_renamed(bonded, ports):
    one = bonded(bond_text(ports=ports)).wait_ports(BOTH).ask()
    since = now()
    one.node.rename("eno1", "eno8")
    one.wait_ports({"eno8": "active", "eno2": "standby"}).wait_on("eno8")
    one.node.rename("eno2", "eno9")
    one.wait_ports({"eno8": "active", "eno9": "standby"})
    window = one.probe.window(since)
    assert window.lost == 0, window
    since = one.node.pull("eno1")  # its cable keeps the old name
    one.wait_on("eno9").lost_at_most(since, slack_ms())


def test_a_port_that_is_renamed_away_keeps_nothing(bonded):
    one = bonded(bond_text(hold="200ms", addresses=["192.0.2.11/24", "2001:db8::11/64"],
                           routes="[{to: default, via: 192.0.2.200}]"))
    one.wait_ports(BOTH).ask()
    since = one.node.rename("eno1", "old1")
    one.wait_ports({"eno1": "absent", "eno2": "active"}).wait_on("eno2", "192.0.2.11", "2001:db8::11")
    one.lost_at_most(since, slack_ms())
    assert one.node.run("ip", "route", "show", "default").stdout.count("default") == 1
    one.node.rename("old1", "eno1")
    one.wait_ports({"eno1": "standby", "eno2": "active"}).wait_on("eno2", "192.0.2.11", "2001:db8::11")
    one.node.rename("eno1", "old1")
    one.wait_ports({"eno1": "absent", "eno2": "active"})


def test_two_ports_change_names(bonded):
    """As udev does at boot: by way of a third name."""
    one = bonded(bond_text(hold="200ms")).wait_ports(BOTH).ask()
    macs = one.node.mac("eno1"), one.node.mac("eno2")
    for names in (("eno1", "tmp"), ("eno2", "eno1"), ("tmp", "eno2")):
        one.node.rename(*names)
    assert (one.node.mac("eno2"), one.node.mac("eno1")) == macs
    since = now()
    wait_for(lambda: set(one.ports().values()) == {"active", "standby"} and one.node.places("192.0.2.11") == [one.active()], 5,
             "the address is where status says, and only there")
    one.probe.answered_by("lb1", 5, since)


def test_no_port_at_the_start(bonded, make_lab):
    lab = make_lab(names=("lb1",))
    macs = [unplug(lab.lb1, name) for name in ("eno1", "eno2")]
    one = bonded(bond_text(ports=["eno*"]), lab=lab).wait_ports({"eno*": "absent"})
    assert one.daemon.bond()["state"] == "down" and one.daemon.bond()["reason_code"] == "bond-no-port"
    lab.plug_in(lab.lb1, "eno2", "sw2", macs[1], index=72)
    one.wait_ports({"eno2": "active"}, deadline=10).wait_on("eno2").ask()
    since = now()
    lab.plug_in(lab.lb1, "eno1", "sw1", macs[0], index=71)
    one.wait_ports({"eno1": "standby", "eno2": "active"}, deadline=10)
    window = one.probe.window(since)
    assert window.lost == 0, window


def test_one_port_alone(bonded):
    one = bonded(bond_text(ports=["eno2"], hold="30s")).wait_ports({"eno2": "active"}).ask()
    assert one.daemon.bond()["reason_code"] == "bond-no-standby"
    one.node.pull("eno2")
    wait_for(lambda: one.daemon.bond()["state"] == "down", 5)
    since = one.node.plug("eno2")
    one.wait_ports({"eno2": "active"})
    one.probe.answered_by("lb1", 5, since)
    mac = unplug(one.node, "eno2")
    one.wait_ports({"eno2": "absent"})
    one.lab.plug_in(one.node, "eno2", "sw2", mac, index=72)
    one.wait_ports({"eno2": "active"}, deadline=10)
    one.probe.answered_by("lb1", 5)


def test_a_port_in_a_bridge_is_refused(bonded, make_lab):
    lab = make_lab(names=("lb1",))
    lab.lb1.run("ip", "link", "add", "br0", "type", "bridge")
    lab.lb1.link_set("eno1", master=lab.lb1.index("br0"))
    one = bonded(bond_text(), lab=lab).wait_ports({"eno1": "down", "eno2": "active"}).wait_on("eno2")
    assert one.port("eno1")["reason_code"] == "port-foreign"
    assert f"index {lab.lb1.index('br0')}" in one.port("eno1")["reason"] or "br0" in one.port("eno1")["reason"]
    lab.lb1.link_set("eno1", master=0)
    one.wait_ports({"eno1": "standby", "eno2": "active"})


def test_two_bonds_move_by_themselves(make_lab):
    lab = make_lab(names=("lb1",), ports=4)
    for i in (3, 4):
        lab.switch.link_set(f"lb1-eno{i}", master=lab.switch.index(f"sw{i - 2}"))
    one = Bonded(lab, bond_text(), bond_text("bond1", ports=["eno[34]"], addresses=["198.51.100.11/24"]))
    lab.client.address("cli0", "198.51.100.200/24")
    one.ask()
    other = lab.probe("198.51.100.11")
    other.answered_by("lb1", 5)
    for ifname, quiet, moved in (("eno1", other, "bond0"), ("eno3", one.probe, "bond1")):
        since = lab.lb1.pull(ifname)
        one.wait_on("eno2" if moved == "bond0" else "eno4", "192.0.2.11" if moved == "bond0" else "198.51.100.11")
        pass_time(0.1)
        window = quiet.window(since)
        assert window.lost <= allowed(), (ifname, window)
