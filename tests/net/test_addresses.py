# SPDX-License-Identifier: GPL-2.0-or-later
"""What moves with driver `move`: addresses of both families, routes with all their options, the MTU; and several bonds and vips."""
import json

from conftest import allowed, bond_text, bonds_config, slack_ms, vip_config
from lab import VIP, VIP6, Standbyd, now, pass_time, wait_for

ADDRESSES = ["192.0.2.11/24", "192.0.2.12/24", "2001:db8::11/64"]
IPS = [a.split("/")[0] for a in ADDRESSES]
ROUTES = """
      - {to: default, via: 192.0.2.200, metric: 50, mtu: 1300, from: 192.0.2.12}
      - {to: default, via: "2001:db8::200", metric: 70, mtu: 1290}
      - {to: 203.0.113.0/24, via: 198.51.100.1, on-link: true, table: 100}
      - {to: 10.9.0.0/16}
      - {to: "2001:db8:9::/48", via: "fe80::1", from: "2001:db8::11"}
      - {to: "2001:db8:8::/48", table: 100, via: "2001:db8::200"}"""
OURS = "83"


def routes(node):
    """All routes with our mark, as `ip` tells them, without the device: {destination: {…}}; and the devices."""
    found, devices = {}, set()
    for family in ("-4", "-6"):
        for r in json.loads(node.run("ip", "-d", "-j", family, "route", "show", "table", "all", "proto", OURS).stdout or "[]"):
            devices.add(r["dev"])
            found[r["dst"] + family] = {"via": r.get("gateway"), "metric": r.get("metric"), "table": r.get("table", "main"),
                                       "from": r.get("prefsrc"), "onlink": "onlink" in r.get("flags", []),
                                       "mtu": next((m["mtu"] for m in r.get("metrics", []) if "mtu" in m), None)}
    return found, devices


WANTED = {
    "default-4": {"via": "192.0.2.200", "metric": 50, "table": "main", "from": "192.0.2.12", "onlink": False, "mtu": 1300},
    "default-6": {"via": "2001:db8::200", "metric": 70, "table": "main", "from": None, "onlink": False, "mtu": 1290},
    "203.0.113.0/24-4": {"via": "198.51.100.1", "metric": None, "table": "100", "from": None, "onlink": True, "mtu": None},
    "10.9.0.0/16-4": {"via": None, "metric": None, "table": "main", "from": None, "onlink": False, "mtu": None},
    "2001:db8:9::/48-6": {"via": "fe80::1", "metric": 1024, "table": "main", "from": "2001:db8::11", "onlink": False, "mtu": None},
    "2001:db8:8::/48-6": {"via": "2001:db8::200", "metric": 1024, "table": "100", "from": None, "onlink": False, "mtu": None},
}


def wait_routes(one, wanted, ifname):
    try:
        wait_for(lambda: routes(one.node) == (wanted, {ifname}), 5)
    except TimeoutError:
        found, devices = routes(one.node)
        differ = {k: (found.get(k), wanted.get(k)) for k in {*found, *wanted} if found.get(k) != wanted.get(k)}
        raise AssertionError(f"(found, wanted): {differ}, on {devices}, not {ifname}") from None


def test_routes_move_with_all_that_they_have(bonded):
    keys = {"hold": "0s", "failback": "always", "addresses": ADDRESSES}
    one = bonded(bond_text(routes=ROUTES, **keys)).wait_on("eno1", *IPS).ask(IPS[1])
    wait_routes(one, WANTED, "eno1")
    since = one.node.pull("eno1")
    one.wait_on("eno2", *IPS).lost_at_most(since, slack_ms())
    wait_routes(one, WANTED, "eno2")
    since = one.node.plug("eno1")
    one.wait_on("eno1", *IPS)
    wait_routes(one, WANTED, "eno1")
    # Options are changed in place, the others are left alone.
    one.reload(bond_text(routes=ROUTES.replace("mtu: 1300", "mtu: 1350").replace("from: 192.0.2.12", "from: 192.0.2.11"), **keys))
    wait_routes(one, {**WANTED, "default-4": {**WANTED["default-4"], "mtu": 1350, "from": "192.0.2.11"}}, "eno1")
    one.reload(bond_text(routes="[{to: 10.9.0.0/16}]", **keys))
    wait_routes(one, {"10.9.0.0/16-4": WANTED["10.9.0.0/16-4"]}, "eno1")
    window = one.probe.window(since)
    assert window.lost <= allowed(1), window
    assert one.daemon.status()["counters"]["refusals"] == 0


def test_ipv6_moves_without_duplicate_detection(bonded, make_lab):
    """It would find the other port, and fail for good."""
    lab = make_lab(names=("lb1",))
    for port in ("eno1", "eno2"):
        lab.lb1.sysctl(f"ipv6/conf/{port}/accept_dad", 1)
        lab.lb1.sysctl(f"ipv6/conf/{port}/dad_transmits", 1)
    one = bonded(bond_text(addresses=ADDRESSES, hold="0s", failback="always"), lab=lab).wait_on("eno1", *IPS).ask(IPS[2])
    for port, since in (("eno2", one.node.pull("eno1")), ("eno1", None)):
        if since is None:
            since = one.node.plug("eno1")
        one.wait_on(port, *IPS).lost_at_most(since, slack_ms())
        entry = next(a for link in json.loads(one.node.run("ip", "-d", "-j", "-6", "address", "show", "dev", port).stdout)
                     for a in link.get("addr_info", []) if a["local"] == IPS[2])
        assert entry.get("nodad") and not entry.get("tentative") and not entry.get("dadfailed"), entry


def test_the_mtu_of_all_ports(bonded):
    one = bonded(bond_text(ports=["eno*"], mtu=1400, addresses=ADDRESSES)).wait_on("eno1", *IPS).ask()

    def mtus():
        return {name: link.get_attr("IFLA_MTU") for name, link in one.node.links().items() if name != "lo"}
    wait_for(lambda: mtus() == {"eno1": 1400, "eno2": 1400}, 5)
    since = now()
    one.reload(bond_text(ports=["eno*"], mtu=1450, addresses=ADDRESSES))
    wait_for(lambda: mtus() == {"eno1": 1450, "eno2": 1450}, 5)
    one.node.link_set("eno2", mtu=1300)
    wait_for(lambda: mtus() == {"eno1": 1450, "eno2": 1450}, 5)
    texts = [e["text"] for e in one.daemon.events()]
    assert any("bond0/eno2" in t and "changed" in t for t in texts), texts
    window = one.probe.window(since)
    assert window.lost == 0, window
    # Below 1,280 the kernel takes IPv6 away from a port.
    one.node.link_set("eno1", mtu=1000)
    wait_for(lambda: mtus()["eno1"] == 1450, 5)
    one.wait_on("eno1", *IPS)
    for _ in range(4):
        one.node.link_set("eno2", mtu=1300)
        wait_for(lambda: mtus()["eno2"] == 1450, 5)
    one.node.link_set("eno2", mtu=1300)
    wait_for(lambda: [e["text"] for e in one.daemon.events() if "bond0/eno2" in e["text"] and "waits 1 s" in e["text"]], 5)
    wait_for(lambda: mtus()["eno2"] == 1450, 5)
    mac = one.node.mac("eno2")
    one.node.ip.link("del", index=one.node.index("eno2"))
    one.lab.plug_in(one.node, "eno5", "sw2", mac, index=75)
    wait_for(lambda: mtus() == {"eno1": 1450, "eno5": 1450}, 5)


def test_two_bonds_and_several_vips(make_lab):
    """Two nodes; each loses ports, of one bond after the other, and at last all of one bond: only that bond's vips go."""
    lab = make_lab(ports=4)
    for node in lab.nodes:
        for i in (3, 4):
            lab.switch.link_set(f"{node.name}-eno{i}", master=lab.switch.index(f"sw{i - 2}"))
    lab.client.address("cli0", "198.51.100.200/24")
    lab.answer()
    vips = [("web", "bond0", 51, [VIP]), ("mail", "bond0", 52, ["192.0.2.101"]), ("db", "bond1", 54, ["198.51.100.100"]),
            ("six", "bond1", 53, ["198.51.100.101", VIP6.replace("::100", ":1::100")])]
    daemons = []
    for node, priority in zip(lab.nodes, (200, 100)):
        n = 10 + node.number
        texts = [bond_text(ports=["eno1", "eno2"], addresses=[f"192.0.2.{n}/24", f"2001:db8::{n}/64"], hold="100ms", failback="always"),
                 bond_text("bond1", ports=["eno[34]"], addresses=[f"198.51.100.{n}/24", f"2001:db8:1::{n}/64"], hold="100ms",
                           failback="always")]
        daemons.append(Standbyd(node, bonds_config(node, *texts, vips=[
            vip_config(node, on=on, priority=priority, name=name, vrid=vrid, addresses=ips, advert="100ms")
            for name, on, vrid, ips in vips])).start())
    probes = {name: lab.probe(ips[0]) for name, _, _, ips in vips}
    for name, probe in probes.items():
        probe.answered_by("lb1", 10)
        daemons[1].wait_state("backup", name=name)

    def moved(since, names, outage):
        pass_time(0.2)
        for name, probe in probes.items():
            window = probe.window(since)
            assert window.nodes == ["lb1"] and (window.outage_ms <= outage if name in names else window.lost <= allowed()), (name, str(window))
    for port, other, names in (("eno1", "eno2", ("web", "mail")), ("eno3", "eno4", ("db", "six"))):
        since = lab.lb1.pull(port)
        wait_for(lambda: all(lab.lb1.holds(ips[0]) == other for name, _, _, ips in vips if name in names), 5)
        moved(since, names, slack_ms())
        since = lab.lb1.plug(port)
        wait_for(lambda: all(lab.lb1.holds(ips[0]) == port for name, _, _, ips in vips if name in names), 5)
        moved(since, names, slack_ms())
    since = lab.lb1.pull("eno3", "eno4")
    for name in ("db", "six"):
        probes[name].answered_by("lb2", 5, since)
        daemons[0].wait_state("fault", name=name)
    wait_for(lambda: lab.lb2.holds("2001:db8:1::100") == "eno3" and not lab.lb1.holds("2001:db8:1::100"), 5)
    for name in ("web", "mail"):
        window = probes[name].window(since)
        assert window.nodes == ["lb1"] and window.lost <= allowed(), (name, str(window))
    since = lab.lb1.plug("eno4")
    for name in ("db", "six"):
        probes[name].answered_by("lb1", 10, since)
        assert probes[name].window(since).lost <= allowed(1)
