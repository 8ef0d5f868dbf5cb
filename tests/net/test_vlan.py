# SPDX-License-Identifier: GPL-2.0-or-later
"""What a bond's device carries: vlans, MTU through the stack, its MAC address, addresses and routes with all their options."""
import pytest

from bonds import DRIVERS, OWN, Bonded, bond_config, enslaved, routes
from conftest import allowed
from lab import wait_for

pytestmark = pytest.mark.bonding
ON_VLAN, SECOND = "198.51.100.11", "192.0.2.21"
ROUTES = """
      - {to: default, via: 192.0.2.200, metric: 50, mtu: 1400}
      - {to: 203.0.113.0/24, via: 192.0.2.201, table: 77, from: 192.0.2.21}
      - {to: 203.0.114.0/24, via: 10.9.9.9, on-link: true}
      - {to: "2001:db8:f::/48", via: "2001:db8::200", metric: 7}"""


def vlan_text(mtu, more=""):
    return (f"vlans:\n  bond0.20:\n    link: bond0\n    id: 20\n    mtu: {mtu}\n    addresses: [{ON_VLAN}/24, \"2001:db8:20::11/64\"]\n"
            f"    routes:\n      - {{to: 10.20.0.0/16, via: 198.51.100.200, metric: 9}}\n{more}")


@pytest.fixture(params=DRIVERS)
def driver(request):
    return request.param


def mtus(node):
    links = node.links()
    return tuple(links[name].get_attr("IFLA_MTU") if name in links else 0 for name in ("eno1", "eno2", "bond0", "bond0.20"))


def on_vlan(lab):
    """The client is on vlan 20 too."""
    lab.client.run("ip", "link", "add", "link", "cli0", "name", "cli20", "type", "vlan", "id", "20")
    lab.client.run("ip", "link", "set", "cli20", "up")
    lab.client.address("cli20", "198.51.100.200/24")


def test_what_is_on_a_bond(make_lab, driver):
    lab = make_lab(names=("lb1",))
    on_vlan(lab)
    keys = {"addresses": f"[{OWN}/24, {SECOND}/24, \"2001:db8::11/64\"]", "routes": ROUTES, "vip": False}
    vip = "vips:\n  web: {on: bond0.20, vrid: 51, advert: 100ms, addresses: [198.51.100.100]}\n"
    one = Bonded(lab, driver, ask=None, config=bond_config(lab.lb1, driver, mtu=9000, more=vlan_text(1500, vip), **keys), **keys)
    node = one.node
    one.daemon.wait_state("active", 15)
    wait_for(lambda: mtus(node) == (9000, 9000, 9000, 1500), 5, "the MTUs")
    assert node.sysctl("ipv4/conf/bond0/promote_secondaries") == "1"
    assert node.holds(ON_VLAN) == node.holds("2001:db8:20::11") == node.holds("198.51.100.100") == "bond0.20"
    for what, words in ((("route", "show", "default"), ("via 192.0.2.200 dev bond0", "metric 50", "mtu 1400")),
                        (("route", "show", "table", "77"), ("203.0.113.0/24 via 192.0.2.201 dev bond0", f"src {SECOND}")),
                        (("route", "show", "203.0.114.0/24"), ("via 10.9.9.9 dev bond0", "onlink")),
                        (("-6", "route", "show", "2001:db8:f::/48"), ("via 2001:db8::200 dev bond0", "metric 7")),
                        (("route", "show", "10.20.0.0/16"), ("via 198.51.100.200 dev bond0.20", "metric 9"))):
        wait_for(lambda what=what, words=words: all(w in routes(node, *what) for w in words), 5, f"{words} in {what}")
    probe = lab.probe("198.51.100.100", interval_us=1000)
    probe.answered_by("lb1", 10)

    # What is nobody's of ours stays, whatever is reloaded.
    node.address("bond0", "192.0.2.77/32")
    node.run("ip", "route", "add", "203.0.115.0/24", "via", "192.0.2.200", "dev", "bond0")

    # The first address of a network goes and the second one stays; the MTU of the stack grows and shrinks.
    keys["addresses"] = f"[{SECOND}/24, \"2001:db8::11/64\"]"
    since = one.reload(bond_config(node, driver, mtu=1600, more=vlan_text(1600, vip), **keys))
    wait_for(lambda: mtus(node) == (1600, 1600, 1600, 1600), 5, "smaller MTUs")
    wait_for(lambda: not node.holds(OWN), 5, "the first address is gone")
    assert node.holds(SECOND) == "bond0" and not [c for c in node.changes(SECOND, since) if not c[1]], node.changes(SECOND, since)
    one.reload(bond_config(node, driver, mtu=9000, more=vlan_text(8000, vip), **keys))
    wait_for(lambda: mtus(node) == (9000, 9000, 9000, 8000), 5, "larger MTUs")
    assert node.addresses("bond0")["192.0.2.77"] and "dev bond0" in routes(node, "route", "show", "203.0.115.0/24")

    # A route and an address of the configuration go, another's stay; after a stop too.
    keys["routes"] = None
    one.reload(bond_config(node, driver, mtu=9000, more=vlan_text(8000, vip), **keys))
    wait_for(lambda: not routes(node, "route", "show", "default") and not routes(node, "route", "show", "table", "77"), 5)
    window = probe.window(since)
    assert window.lost <= allowed(2), f"the reloads: {window}"
    one.daemon.stop()
    assert node.holds("192.0.2.77") == node.holds(SECOND) == "bond0" and node.holds(ON_VLAN) == "bond0.20"
    assert "dev bond0" in routes(node, "route", "show", "203.0.115.0/24") and not node.holds("198.51.100.100")


def test_mac_policies(make_lab, driver):
    lab = make_lab(names=("lb1",))
    one = Bonded(lab, driver, ask=None, vip=False)
    node = one.node
    stable = node.mac("bond0")
    assert stable != "02:00:00:00:01:01" and int(stable[:2], 16) & 3 == 2, stable

    def anew():
        wait_for(lambda: "bond0" in node.links() and enslaved(node) == ["eno1", "eno2"], 10, "a bond again")
        one.up()
        return node.mac("bond0")
    node.run("ip", "link", "del", "bond0")
    assert anew() == stable, "deleted while it ran"
    one.daemon.stop()
    node.run("ip", "link", "del", "bond0")
    one.daemon.start()
    assert anew() == stable, "as after another boot"
    fixed = "02:00:00:00:77:01"
    one.reload(mac=f'"{fixed}"')
    wait_for(lambda: {node.mac(name) for name in ("bond0", "eno1", "eno2")} == {fixed}, 5, "the MAC address is set live")
    one.daemon.stop()
    node.run("ip", "link", "del", "bond0")
    one.daemon.write(one.config(mac="port"))
    one.daemon.start()
    assert anew() == "02:00:00:00:01:01"
