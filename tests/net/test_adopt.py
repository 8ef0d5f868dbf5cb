# SPDX-License-Identifier: GPL-2.0-or-later
"""A NIC that carries the machine's addresses and routes becomes a port: they follow it to the bond, or all stays as it was."""
import pytest

from bonds import DRIVERS, OWN, OWN6, Bonded, Talk, create, enslaved, routes
from lab import wait_for

pytestmark = pytest.mark.bonding
MACHINE, MACHINE6 = "192.0.2.40", "2001:db8::40"


def machine(node, ifname="eno1"):
    """The addresses and routes of a machine, on one of its NICs."""
    node.run("ip", "link", "set", ifname, "up")
    wait_for(lambda: node.carrier(ifname), 5)
    node.address(ifname, f"{MACHINE}/24")
    node.address(ifname, f"{MACHINE6}/64")
    node.run("ip", "route", "add", "default", "via", "192.0.2.200", "dev", ifname)
    node.run("ip", "-6", "route", "add", "default", "via", "2001:db8::200", "dev", ifname)


def carried_by(node, ifname):
    return node.holds(MACHINE) == node.holds(MACHINE6) == ifname and \
        f"dev {ifname}" in routes(node, "route", "show", "default") and f"dev {ifname}" in routes(node, "-6", "route", "show", "default")


@pytest.mark.parametrize("driver", DRIVERS)
def test_sessions_live_on(make_lab, driver):
    lab = make_lab(names=("lb1",))
    machine(lab.lb1)
    talks = [Talk(lab, lab.lb1, address) for address in (MACHINE, MACHINE6)]
    assert all(talk.works() for talk in talks)
    one = Bonded(lab, driver, ask=None, vip=False, routes=None)
    wait_for(lambda: enslaved(one.node) == ["eno1", "eno2"] and carried_by(one.node, "bond0"), 10, "all is on the bond")
    assert not one.node.addresses("eno1") and "eno1" not in routes(one.node, "route") + routes(one.node, "-6", "route", "show", "default")
    assert all(talk.works() for talk in talks), "the same sockets"
    assert one.node.holds(OWN) == one.node.holds(OWN6) == "bond0"
    one.daemon.stop()
    assert carried_by(one.node, "bond0") and all(talk.works() for talk in talks)


def known_as(lab, ip):
    """The MAC that the client has for an address, without asking."""
    return next((n.get_attr("NDA_LLADDR") for n in lab.client.ip.get_neighbours(dst=ip)), None)


@pytest.mark.parametrize("driver", DRIVERS)
def test_second_into_an_active_bond(make_lab, driver):
    """The bond's active port stays the other one, so that the kernel itself announces nothing."""
    lab = make_lab(names=("lb1",))

    def prepare(node):
        create(node, driver, ports=("eno1",))
        node.run("ip", "route", "del", "default")
        machine(node, "eno2")
        return [Talk(lab, node, address) for address in (MACHINE, MACHINE6)]
    one = Bonded(lab, driver, prepare, ask=None, vip=False, routes=None)
    wait_for(lambda: enslaved(one.node) == ["eno1", "eno2"] and carried_by(one.node, "bond0"), 10, "all is on the bond")
    one.on("eno1")
    for ip in (MACHINE, MACHINE6):
        wait_for(lambda ip=ip: known_as(lab, ip) == one.node.mac("bond0"), 5, f"the client sends to the bond for {ip}")
    assert all(talk.works() for talk in one.prepared), "the same sockets"


@pytest.mark.parametrize("driver", DRIVERS)
def test_refused_all_is_as_it_was(make_lab, driver):
    """What is on the bond itself cannot be its port."""
    lab = make_lab(names=("lb1",))

    def prepare(node):
        create(node, driver, ports=("eno1",))
        node.run("ip", "link", "add", "link", "bond0", "name", "eno9", "type", "vlan", "id", "9")
        node.run("ip", "route", "del", "default")
        machine(node, "eno9")
    one = Bonded(lab, driver, prepare, ask=None, vip=False, routes=None, ports="[eno1, eno2, eno9]")
    wait_for(lambda: one.port("eno9")["reason_code"] == "port-refused", 10, "it is refused")
    one.said("bond0/eno9: the kernel refused to take the port into the bond")
    assert enslaved(one.node) == ["eno1", "eno2"]
    wait_for(lambda: carried_by(one.node, "eno9"), 5, "it has all that it had")
    assert one.node.links()["eno9"].get_attr("IFLA_OPERSTATE") == "UP"
