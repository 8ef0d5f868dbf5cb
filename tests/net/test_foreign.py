# SPDX-License-Identifier: GPL-2.0-or-later
"""What others do to a bond of driver `move` and its ports: repaired or told, with a name for who did it."""
from conftest import bond_text, slack_ms
from lab import now, pass_time, wait_for

BOTH = {"eno1": "active", "eno2": "standby"}
SECOND, SIX = "192.0.2.12", "2001:db8::11"
KEYS = {"addresses": ["192.0.2.11/24", f"{SECOND}/24", f"{SIX}/64"], "routes": "[{to: default, via: 192.0.2.200}]", "hold": "200ms"}


def told(one, *words):
    """The texts of the events in which all the words are."""
    return [e["text"] for e in one.daemon.events() if all(w in e["text"] for w in words)]


def default(one):
    return one.node.run("ip", "route", "show", "default").stdout


def test_deleted_addresses_and_routes_come_back(bonded):
    one = bonded(bond_text(**KEYS)).wait_ports(BOTH).wait_on("eno1", "192.0.2.11", SECOND, SIX).ask(SECOND)
    wait_for(lambda: default(one), 5)
    since = now()
    one.node.run("ip", "address", "del", "192.0.2.11/24", "dev", "eno1")  # the first: the second is promoted, not taken along
    one.wait_on("eno1", "192.0.2.11", SECOND)
    window = one.probe.window(since)
    assert window.lost == 0, f"promote_secondaries: {window}"
    wait_for(lambda: told(one, "192.0.2.11 was gone and is put back; removed by another program (netlink port"), 5)
    one.node.run("ip", "address", "del", f"{SIX}/64", "dev", "eno1")
    one.wait_on("eno1", SIX)
    wait_for(lambda: told(one, f"{SIX} was gone and is put back; removed by another program or the kernel"), 5)
    wait_for(lambda: default(one), 5)
    one.node.run("ip", "route", "del", "default")
    wait_for(lambda: default(one), 5)
    wait_for(lambda: told(one, "the default route was gone and is put back; removed by another program"), 5)
    one.node.run("ip", "-4", "address", "flush", "dev", "eno1", "scope", "global")
    one.wait_on("eno1", "192.0.2.11", SECOND, deadline=10)
    wait_for(lambda: "via 192.0.2.200 dev eno1" in default(one), 5)


def test_the_fifth_repair_waits(bonded):
    one = bonded(bond_text(**KEYS)).wait_ports(BOTH).wait_on("eno1", "192.0.2.11", SECOND).ask()
    since = now()
    for _ in range(5):
        one.wait_on("eno1", SECOND)
        one.node.run("ip", "address", "del", f"{SECOND}/24", "dev", "eno1")
    wait_for(lambda: told(one, f"{SECOND} was removed or changed 5 times in a row, the next repair waits 1 s"), 5)
    at = now()
    assert len(told(one, f"{SECOND} was gone and is put back; removed by another program")) == 4
    # Meanwhile all else is repaired at once, and the default route does not wait for an address that it does not need.
    one.node.run("ip", "route", "del", "default")
    wait_for(lambda: default(one), 0.5)
    assert not one.node.places(SECOND), "it waits"
    one.wait_on("eno1", SECOND, deadline=5)
    assert now() - at > 500_000_000
    assert one.probe.window(since).lost == 0


def test_a_port_that_somebody_sets_down_stays_so(bonded):
    one = bonded(bond_text(**KEYS)).wait_ports(BOTH).wait_on("eno1").ask()
    since = now()
    one.node.link_set("eno1", state="down")
    one.wait_on("eno2", "192.0.2.11", SECOND, SIX).lost_at_most(since, slack_ms())
    port = one.port("eno1")
    assert port["state"] == "down" and port["reason_code"] == "interface-down", port
    assert told(one, "eno1", "administratively down")
    pass_time(0.3)
    assert not one.node.links()["eno1"]["flags"] & 1, "an administrator's word stands"
    one.node.link_set("eno1", state="up")
    one.wait_ports({"eno1": "standby", "eno2": "active"})
    one.node.link_set("eno2", state="down")
    one.wait_on("eno1", "192.0.2.11", SECOND, SIX)
    one.node.link_set("eno1", state="down")
    wait_for(lambda: one.daemon.bond()["state"] == "down", 5)
    since = now()
    one.node.link_set("eno1", state="up")
    one.wait_on("eno1", "192.0.2.11", SECOND, SIX)
    wait_for(lambda: default(one), 5)
    one.probe.answered_by("lb1", 5, since)


def test_a_port_that_somebody_gives_to_a_bridge(bonded):
    one = bonded(bond_text(**KEYS)).wait_ports(BOTH).wait_on("eno1").ask()
    one.node.run("ip", "link", "add", "br0", "type", "bridge")
    since = now()
    one.node.link_set("eno1", master=one.node.index("br0"))
    one.wait_on("eno2", "192.0.2.11", SECOND, SIX).lost_at_most(since, slack_ms())
    port = one.port("eno1")
    assert port["state"] == "down" and port["reason_code"] == "port-foreign", port
    assert f"index {one.node.index('br0')}" in port["reason"]
    assert told(one, "eno1", f"index {one.node.index('br0')}")
    since = now()
    one.node.link_set("eno1", master=0)
    one.wait_ports({"eno1": "standby", "eno2": "active"})
    assert one.probe.window(since).lost == 0


def test_what_is_not_ours_stays(bonded):
    """Neither a port's role nor a reload nor a stop takes what others put there."""
    one = bonded(bond_text(**KEYS)).wait_ports(BOTH).wait_on("eno1").ask()
    foreign = {"192.0.2.77": ("eno1", 24), "192.0.2.78": ("eno2", 24), "2001:db8::77": ("eno1", 64)}
    for ip, (ifname, prefix) in foreign.items():
        one.node.address(ifname, f"{ip}/{prefix}")
    one.node.run("ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.200", "dev", "eno1")

    def there():
        assert {ip: where[:2] for ip, where in one.node.addresses().items() if ip in foreign} == foreign
    one.node.pull("eno1")
    one.wait_on("eno2", "192.0.2.11", SECOND, SIX)
    one.node.plug("eno1")
    one.wait_ports({"eno1": "standby", "eno2": "active"})
    there()
    assert "203.0.113.0/24" in one.node.run("ip", "route", "show", "dev", "eno1").stdout
    one.reload(bond_text(addresses=["192.0.2.11/24"]))
    wait_for(lambda: not one.node.places(SECOND) and not one.node.places(SIX) and not default(one), 5)
    there()
    one.daemon.stop()
    there()
    assert one.node.places("192.0.2.11") == ["eno2"]
    # What was there before, and is no address of ours by its mark, is used as it is and left behind by nobody.
    one.node.run("ip", "address", "del", "192.0.2.11/24", "dev", "eno2")
    one.node.address("eno1", "192.0.2.11/24")
    one.daemon.start()
    wait_for(lambda: one.active() == "eno1", 5)
    one.wait_on("eno1")
