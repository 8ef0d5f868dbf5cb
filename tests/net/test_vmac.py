# SPDX-License-Identifier: GPL-2.0-or-later
"""`mac: virtual`: the virtual router's MAC address answers, whoever is active, and no client ever learns another."""
import socket

import pytest

from conftest import IN_GUEST, Pair, allowed, plain_config, slack_ms, vip_config
from lab import MS, VIP, VIP6, Keepalived, Standbyd, binary, keepalived_instance, link_local_of, now, pass_time, wait_for

MAC, MAC6 = "00:00:5e:00:01:33", "00:00:5e:00:02:33"
FAMILIES = {"ipv4": (VIP, MAC), "ipv6": (VIP6, MAC6)}
KEPT = ("ipv4/conf/eno1/arp_ignore", "ipv4/conf/eno1/arp_announce", "ipv4/conf/eno1/rp_filter", "ipv4/conf/eno1/accept_local",
        "ipv4/conf/eno1/arp_filter", "ipv4/conf/eno1/promote_secondaries")


def devices(node):
    """The macvlans of a node by name."""
    return {name: link for name, link in node.links().items() if name.startswith("vrrp")}


def device(node, family=4):
    return next((name for name in devices(node) if name.startswith(f"vrrp{family}")), None)


class Neighbour:
    """What the client knows of the address: every MAC address that its entry ever had, as the kernel tells of it."""

    def __init__(self, lab, ip):
        self.lab, self.ip = lab, ip
        self.family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        self.monitor = lab.client.popen(["ip", "-6" if ":" in ip else "-4", "monitor", "neigh"], stdin=-3, stdout=-1, text=True)

    def now(self):
        entry = [n for n in self.lab.client.ip.get_neighbours(family=self.family, dst=self.ip)]
        return entry[0].get_attr("NDA_LLADDR") if entry else None

    def macs(self):
        """All that were told, once the monitor is ended."""
        self.monitor.terminate()
        text, _ = self.monitor.communicate(timeout=10)
        self.lab.ended(self.monitor)
        words = [line.split() for line in text.splitlines() if self.ip in line.split()]
        return {w[w.index("lladdr") + 1] for w in words if "lladdr" in w} | {self.now()}


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


def vmac_pair(pair, vip, **options):
    return pair(addresses=(vip,), mac="virtual", **options)


def stop_and_return(two, neighbour, mac):
    sniffer = two.lab.sniff()
    since = two.d1.stop()
    two.probe.answered_by("lb2", 10, since)
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb1", "lb2"], f"stop: {window}"
    assert not devices(two.n1), "nothing of ours is left after a stop"
    since = now()
    two.d1.start()
    two.probe.answered_by("lb1", 15, since)
    two.d2.wait_state("backup")
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb2", "lb1"], f"return: {window}"
    assert {f["mac"] for f in sniffer.adverts()} == {mac}
    assert neighbour.macs() == {mac}


@pytest.mark.parametrize("advert_ms", [100, 1000])
def test_stop_and_return_lose_nothing_and_no_client_notices(pair, family, advert_ms):
    vip, mac = family
    two = vmac_pair(pair, vip, advert_ms=advert_ms)
    stop_and_return(two, Neighbour(two.lab, vip), mac)


def test_where_the_addresses_are_and_what_is_changed_for_them(pair, family):
    vip, mac = family
    two = vmac_pair(pair, vip)
    name, standby = device(two.n1, 6 if ":" in vip else 4), device(two.n2, 6 if ":" in vip else 4)
    assert name == standby and len(name) <= 15 and two.n1.mac(name) == mac == two.n2.mac(name)
    assert two.n1.places(vip) == [name] and not two.n2.places(vip)
    assert is_up(two.n1, name) and not is_up(two.n2, name), "a backup's device is down"
    assert two.n1.addresses()[vip][2] is not None, "the kernel itself takes the address away from a dead daemon"
    told = two.d1.vip()
    assert (told["mac"], told["device"], told["on"]) == (mac, name, "eno1")
    assert f"mac {mac} on {name}" in " ".join(two.d1.ctl("status").stdout.split())
    if ":" not in vip:
        assert two.n1.sysctl("ipv4/conf/eno1/arp_ignore") == "1" and two.n1.sysctl("ipv4/conf/eno1/arp_announce") == "2"
    assert not [a for a in two.n1.ip.get_addr(index=two.n1.index(name)) if a.get_attr("IFA_ADDRESS") not in (vip, link_local_of(51))]
    two.n1.link_set("eno1", mtu=1400)
    wait_for(lambda: two.n1.links()[name].get_attr("IFLA_MTU") == 1400, 3, "the MTU follows")
    two.n1.link_set("eno1", mtu=1500)
    wait_for(lambda: two.n1.links()[name].get_attr("IFLA_MTU") == 1500, 3, "the MTU follows")


def is_up(node, ifname):
    return bool(node.links()[ifname]["flags"] & 1)


def kept(node):
    return {key: node.sysctl(key) for key in KEPT}


def test_everything_is_put_back(make_lab):
    two = Pair(make_lab(ports=1), mac="virtual")
    two.n2.sysctl("ipv4/conf/eno1/arp_announce", 1)
    before, other = kept(two.n1), kept(two.n2)
    two.start()
    assert kept(two.n1) != before and kept(two.n2) != other
    two.d1.stop()
    two.d2.stop()
    assert kept(two.n1) == before and kept(two.n2) == other
    assert not devices(two.n1) and not devices(two.n2)
    assert not (two.d1.rundir / "loans").exists()


def test_only_the_virtual_address_answers(pair, family):
    """Asked again and again, by everybody in the net, and asking itself in the vip's name: nobody ever hears another MAC address
    for the vip, nor the virtual one for the node's own."""
    vip, mac = family
    two = vmac_pair(pair, vip)
    neighbour, sniffer = Neighbour(two.lab, vip), two.lab.sniff()
    own = "2001:db8::11" if ":" in vip else "192.0.2.11"
    since = now()
    for _ in range(10):
        two.lab.client.run("ip", "neigh", "flush", "all")
        two.n1.run("ip", "neigh", "flush", "all")
        pass_time(0.02)
    two.lab.client.run("ping", "-c", "1", "-W", "2", own)
    two.probe.answered_by("lb1", 5)
    assert neighbour.macs() == {mac}
    entry = two.lab.client.ip.get_neighbours(dst=own)
    assert entry[0].get_attr("NDA_LLADDR") == two.n1.mac("eno1")
    asked = [f for f in sniffer.drain() if f["kind"] == "arp" and f["at"] > since and f["spa"] == vip]
    assert ":" in vip or asked
    assert {f["mac"] for f in asked} <= {mac}


def test_cable_lost_and_back(pair, family):
    vip, mac = family
    two = vmac_pair(pair, vip)
    neighbour = Neighbour(two.lab, vip)
    since = two.n1.pull()
    two.probe.answered_by("lb2", two.down_ms() / 1000 + 5, since)
    window = two.probe.window(since)
    assert window.outage_ms <= two.down_ms() + slack_ms(), window
    two.d1.wait_state("fault")
    wait_for(lambda: not two.n1.places(vip) and not is_up(two.n1, device(two.n1) or device(two.n1, 6)), 3)
    since = two.n1.plug()
    two.probe.answered_by("lb1", 10, since)
    two.d2.wait_state("backup")
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb2", "lb1"], f"cable back: {window}"
    assert neighbour.macs() == {mac}


def test_killed_and_restarted_loses_nothing_and_keeps_its_role(pair, family):
    vip, mac = family
    two = vmac_pair(pair, vip, advert_ms=1000)
    neighbour, before = Neighbour(two.lab, vip), two.n1.index(device(two.n1, 6 if ":" in vip else 4))
    for _ in range(3):
        since = two.d1.kill9()
        two.d1.start()
        two.d1.wait_state("active")
        pass_time(two.down_ms() / 1000 + 0.5)
        window = two.probe.window(since)
        assert window.lost <= allowed() and window.nodes == ["lb1"], window
        assert two.d2.state() == "backup" and two.d1.vip()["reason_code"] == "resumed"
    assert two.n1.index(device(two.n1, 6 if ":" in vip else 4)) == before, "the device was adopted"
    assert neighbour.macs() == {mac}


def test_a_new_program_in_its_place_changes_nothing(pair, family):
    vip, mac = family
    two = vmac_pair(pair, vip)
    neighbour, name = Neighbour(two.lab, vip), device(two.n1, 6 if ":" in vip else 4)
    index, sniffer = two.n1.index(name), two.lab.sniff()
    since = now()
    for daemon in (two.d1, two.d2):
        done = daemon.ctl("reexec")
        assert done.returncode == 0, done.stderr
    two.d1.wait_state("active")
    two.d2.wait_state("backup")
    pass_time(two.down_ms() / 1000 + 0.5)
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb1"], window
    assert two.n1.index(name) == index and two.n1.places(vip) == [name] and not is_up(two.n2, name)
    assert {f["mac"] for f in sniffer.adverts(since=since)} == {mac} and neighbour.macs() == {mac}
    before = kept(two.n1)
    two.d1.stop()
    if ":" not in vip:
        assert kept(two.n1) != before and two.n1.sysctl("ipv4/conf/eno1/arp_ignore") == "0", "known to the new program too"
    assert not devices(two.n1)


def test_killed_for_good(pair):
    """The kernel takes the address; the device stays, and neither answers nor speaks."""
    two = vmac_pair(pair, VIP, advert_ms=1000)
    sniffer = two.lab.sniff(two.lab.switch, "lb1-eno1")
    since = two.d1.kill9()
    two.probe.answered_by("lb2", 10, since)
    wait_for(lambda: not two.n1.places(VIP), 8)
    since = now()
    pass_time(2)
    window = two.probe.window(since)
    assert window.lost == 0 and window.nodes == ["lb2"], window
    assert {f["source"] for f in sniffer.adverts(since=since)} == {"192.0.2.12"}
    assert not [f for f in sniffer.drain() if f["at"] > since and f["kind"] == "arp" and f["spa"] == VIP and not f["gratuitous"]]


def test_killed_and_restarted_without_the_vip(pair):
    """The record tells a successor what to delete and what to put back."""
    two = vmac_pair(pair, VIP, advert_ms=1000)
    two.d1.kill9()
    assert devices(two.n1) and two.n1.sysctl("ipv4/conf/eno1/arp_ignore") == "1"
    two.d1.write("version: 1\nnode: lb1\n")
    two.d1.start()
    wait_for(lambda: not devices(two.n1), 5, "the device is deleted")
    wait_for(lambda: two.n1.sysctl("ipv4/conf/eno1/arp_ignore") == "0" and two.n1.sysctl("ipv4/conf/eno1/arp_announce") == "0", 5)
    two.probe.answered_by("lb2", 10)


def test_a_device_that_is_not_on_record_is_left_alone(make_lab):
    lab = make_lab(names=("lb1",), ports=1)
    node = lab.lb1.ready()
    node.address("eno1", "192.0.2.11/24")
    node.run("ip", "link", "add", "vrrp4-9-00000", "link", "eno1", "group", "1936882020", "type", "macvlan", "mode", "bridge")
    daemon = Standbyd(node, plain_config(node, mac="virtual")).start().wait_state("active")
    daemon.stop()
    assert list(devices(node)) == ["vrrp4-9-00000"]


def test_deleted_by_somebody_is_made_again(pair, family):
    vip, mac = family
    two = vmac_pair(pair, vip)
    neighbour, name = Neighbour(two.lab, vip), device(two.n1, 6 if ":" in vip else 4)
    since = now()
    two.n1.run("ip", "link", "del", name)
    wait_for(lambda: device(two.n1, 6 if ":" in vip else 4) and two.n1.places(vip) == [name], 5, "made again, with its address")
    two.probe.answered_by("lb1", 5, since)
    wait_for(lambda: any(e["code"] == "repaired" for e in two.d1.events()), 2)
    assert two.d1.state() == "active" and two.probe.window(since).nodes == ["lb1"]
    assert neighbour.macs() == {mac}


@pytest.mark.parametrize("change", [("address", "02:00:00:00:00:99"), ("down",)], ids=["mac", "down"])
def test_changed_by_somebody_is_put_right(pair, change):
    two = vmac_pair(pair, VIP)
    name = device(two.n1)
    since = now()
    two.n1.run("ip", "link", "set", name, *change)
    wait_for(lambda: any(e["code"] == "changed" for e in two.d1.events()), 5)
    wait_for(lambda: two.n1.mac(name) == MAC and is_up(two.n1, name) and two.n1.places(VIP) == [name], 5)
    two.probe.answered_by("lb1", 5, since)
    assert two.d1.state() == "active"


def test_its_interface_deleted_and_made_again(pair):
    two = vmac_pair(pair, VIP)
    mac = two.n1.mac("eno1")
    since = now()
    two.n1.ip.link("del", index=two.n1.index("eno1"))
    two.probe.answered_by("lb2", 5, since)
    two.d1.wait_state("init")
    since = now()
    two.lab.plug_in(two.n1, "eno1", "sw1", mac, index=77)
    two.n1.ready().address("eno1", "192.0.2.11/24")
    two.d1.wait_state("active")
    two.probe.answered_by("lb1", 10, since)
    window = two.probe.window(since)
    assert window.lost <= allowed(), window
    assert two.n1.sysctl("ipv4/conf/eno1/arp_ignore") == "1"


@pytest.mark.parametrize("make, reason", [
    (["ip", "link", "set", "eno1", "master", "br0"], "vmac-refused"),
    (["ip", "link", "add", "outer", "link", "eno1", "type", "macvlan", "mode", "passthru"], "vmac-refused"),
    (["ip", "link", "add", "NAME", "type", "veth", "peer", "name", "other"], "vmac-kind"),
], ids=["bridge-port", "passthru-below", "name-taken"])
def test_what_cannot_carry_one_is_a_fault_that_says_so(make_lab, make, reason):
    lab = make_lab(names=("lb1",), ports=1)
    node = lab.lb1.ready()
    node.address("eno1", "192.0.2.11/24")
    probe = Standbyd(node, plain_config(node, mac="virtual"), name="before").start()
    name = wait_for(lambda: device(node), 5)
    probe.stop()
    node.run("ip", "link", "add", "br0", "type", "bridge")
    node.run(*[name if word == "NAME" else word for word in make])
    daemon = Standbyd(node, plain_config(node, mac="virtual")).start().wait_state("fault")
    told = daemon.vip()
    assert told["reason_code"] == reason and name in told["reason"], told


@pytest.mark.parametrize("on", ["lo", "inner"])
def test_other_interfaces_that_cannot_carry_one(make_lab, on):
    lab = make_lab(names=("lb1",), ports=1)
    node = lab.lb1.ready()
    if on == "inner":
        node.run("ip", "link", "add", "inner", "link", "eno1", "type", "macvlan", "mode", "bridge")
    node.link_set(on, state="up")
    node.address(on, "192.0.2.11/24")
    daemon = Standbyd(node, plain_config(node, on=on, mac="virtual")).start().wait_state("fault")
    assert daemon.vip()["reason_code"] == "vmac-refused", daemon.vip()


def test_both_families_ride_together(pair):
    two = pair(addresses=(VIP, VIP6), mac="virtual", lease="10s")
    name = device(two.n1)
    assert two.n1.places(VIP) == [name] and two.n1.places(VIP6) == [name]
    four, six = Neighbour(two.lab, VIP), Neighbour(two.lab, VIP6)
    probe6 = two.lab.probe(VIP6, 1000)
    probe6.answered_by("lb1", 5)
    since = two.d1.stop()
    probe6.answered_by("lb2", 10, since)
    two.probe.answered_by("lb2", 10, since)
    window, window6 = two.probe.window(since), probe6.window(since)
    assert window.lost <= allowed() and window6.lost <= allowed(), f"{window}; IPv6: {window6}"
    assert four.macs() == {MAC} and six.macs() == {MAC}


def test_reload_from_one_to_the_other_and_back(pair):
    two = pair()
    since = now()
    for mac in ("virtual", "interface"):
        for daemon, node, priority in ((two.d1, two.n1, 200), (two.d2, two.n2, 100)):
            daemon.write(two.config(node, priority, mac=mac))
            changes = daemon.ctl("diff").stdout
            assert ("creates vrrp4-51-" in changes) == (mac == "virtual"), changes
            assert daemon.ctl("reload").returncode == 0
        place = wait_for(lambda: two.n1.places(VIP) if len(two.n1.places(VIP)) == 1 else None, 5)
        wait_for(lambda: (two.n1.places(VIP) == ["eno1"]) == (mac == "interface"), 5, f"{place}")
        two.probe.answered_by("lb1", 5)
        assert two.d1.state() == "active" and two.d2.state() == "backup"
    wait_for(lambda: not devices(two.n1) and not devices(two.n2), 5)
    wait_for(lambda: two.n1.sysctl("ipv4/conf/eno1/arp_ignore") == "0", 5)
    assert two.probe.window(since).nodes == ["lb1"]


def test_the_net_of_the_addresses_alone(make_lab):
    """The vip's network is on no other address of the interface: clients are reached through the device."""
    lab = make_lab(ports=1)
    lab.client.address("cli0", "198.51.100.200/24")
    for node in lab.nodes:
        node.ready().address("eno1", f"192.0.2.{10 + node.number}/24")
    lab.answer()
    one, two = (Standbyd(node, plain_config(node, addresses=("198.51.100.1/24",), mac="virtual", priority=priority))
                for node, priority in zip(lab.nodes, (200, 100)))
    one.start()
    two.start()
    probe = lab.probe("198.51.100.1", 1000)
    probe.answered_by("lb1", 10)
    one.wait_state("active")
    two.wait_state("backup")
    since = one.stop()
    probe.answered_by("lb2", 10, since)
    window = probe.window(since)
    assert window.lost <= allowed(), window


@pytest.mark.bonding
@pytest.mark.parametrize("driver", ["kernel", "team"])
def test_on_a_bond_it_follows_the_active_port(make_lab, driver):
    """The device is on the bond; the switches learn the other port from the announcements."""
    lab = make_lab()
    nodes = lab.nodes
    lab.answer()

    def config(node, priority):
        return (f"version: 1\nnode: {node.name}\nbonds:\n  bond0:\n    driver: {driver}\n    ports: [eno1, eno2]\n    hold: 100ms\n"
                f"    addresses: [192.0.2.{10 + node.number}/24]\nvips:\n" + vip_config(node, on="bond0", priority=priority, mac="virtual"))
    one, two = (Standbyd(node, config(node, priority)) for node, priority in zip(nodes, (200, 100)))
    one.start()
    two.start()
    one.wait_state("active", 20)
    two.wait_state("backup", 20)
    wait_for(lambda: one.bond()["state"] == "up", 10)
    neighbour, probe = Neighbour(lab, VIP), lab.probe(VIP, 1000)
    probe.answered_by("lb1", 10)
    assert nodes[0].places(VIP) == [device(nodes[0])]
    since = nodes[0].pull("eno1")
    wait_for(lambda: one.bond()["active_port"] == "eno2", 5)
    probe.answered_by("lb1", 5, since)
    window = probe.window(since)
    assert window.nodes == ["lb1"] and window.outage_ms <= slack_ms(), f"the port: {window}"
    since = one.stop()
    probe.answered_by("lb2", 10, since)
    window = probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb1", "lb2"], f"stop: {window}"
    assert not devices(nodes[0]) and neighbour.macs() == {MAC}
    assert nodes[0].sysctl("ipv4/conf/bond0/arp_ignore") == "0"


@pytest.mark.bonding
def test_on_a_vlan_of_its_own(make_lab):
    lab = make_lab(names=("lb1",), ports=1)
    node = lab.lb1.ready()
    node.run("ip", "link", "add", "link", "eno1", "name", "lan7", "type", "vlan", "id", "7")
    node.link_set("lan7", state="up")
    node.address("lan7", "192.0.2.11/24")
    daemon = Standbyd(node, plain_config(node, on="lan7", mac="virtual")).start().wait_state("active")
    assert node.places(VIP) == [device(node)]
    daemon.stop()
    assert not devices(node)


def test_udev_is_told_whose_device_it_is(pair):
    """So that NetworkManager and systemd-networkd leave it alone."""
    two = vmac_pair(pair, VIP)
    ask = [binary("standbyd-udev"), "-f", two.d1.config_path, "device"]
    name = device(two.n1)
    assert two.n1.run(*ask, name).stdout == f"STANDBYD_DEVICE={name}\n"
    assert two.n1.run(*ask, "vrrp4-52-00000").stdout == ""


# ---- beside keepalived ----

class Beside:
    """standbyd and keepalived with use_vmac, one active and the other its backup."""

    def __init__(self, lab, kinds, advert_ms=1000):
        self.lab, self.kinds = lab, kinds
        for node, kind in zip(lab.nodes, kinds):
            node.ready().address("eno1", f"192.0.2.{10 + node.number}/24")
            if kind == "keepalived":  # it leaves this to its users; without it the kernel asks for clients in the vip's name
                node.sysctl("ipv4/conf/eno1/arp_announce", 2)
        lab.answer()
        self.d1, self.d2 = (self._daemon(*what, advert_ms) for what in zip(lab.nodes, kinds, (200, 100)))
        self.d1.start()
        self.d2.start()
        self.probe = lab.probe(VIP, 500)
        self.probe.answered_by("lb1", 20)
        for daemon, state in ((self.d1, "active"), (self.d2, "backup")):
            if isinstance(daemon, Standbyd):
                daemon.wait_state(state)

    @staticmethod
    def _daemon(node, kind, priority, advert_ms):
        if kind == "keepalived":
            return Keepalived(node, keepalived_instance(priority=priority, advert=advert_ms / 1000, extra="  use_vmac\n"))
        return Standbyd(node, plain_config(node, priority=priority, advert=f"{advert_ms}ms", mac="virtual"))


def its_own_gap(two, node, sniffer, window, since):
    """keepalived 2.2.7 speaks from the virtual address before its kernel has the addresses (0.2 to 1.2 ms at rest), and what it says
    turns the switches to it: what is lost then, and only then, is lost by whoever it takes over from."""
    source = f"192.0.2.{10 + node.number}"
    spoke = sniffer.adverts(source, since)[0]["at"]
    had = next(at for at, added in node.changes(since=since) if added)
    for first, last, lost in window.outages:
        assert spoke - 2 * MS <= first and last <= had + (slack_ms() if IN_GUEST else 5) * MS, \
            f"{window}: {lost} lost from {(first - spoke) / MS} to {(last - spoke) / MS} ms, its address after {(had - spoke) / MS} ms"
    return True


def test_our_stop_and_return_beside_keepalived(make_lab):
    two = Beside(make_lab(ports=1), ("standbyd", "keepalived"))
    neighbour, sniffer = Neighbour(two.lab, VIP), two.lab.sniff()
    since = two.d1.stop()
    two.probe.answered_by("lb2", 10, since)
    window = two.probe.window(since)
    assert its_own_gap(two, two.lab.lb2, sniffer, window, since) and window.nodes == ["lb1", "lb2"], f"stop: {window}"
    since = now()
    two.d1.start()
    two.probe.answered_by("lb1", 15, since)
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb2", "lb1"], f"return: {window}"
    assert {f["mac"] for f in sniffer.adverts()} == {MAC}
    assert neighbour.macs() == {MAC}


def test_its_stop_and_return_beside_keepalived(make_lab):
    """keepalived lets go at once; what is left to us is the skew."""
    two = Beside(make_lab(ports=1), ("keepalived", "standbyd"))
    neighbour, sniffer = Neighbour(two.lab, VIP), two.lab.sniff()
    since = two.d1.stop()
    two.probe.answered_by("lb2", 10, since)
    window = two.probe.window(since)
    assert window.outage_ms <= (256 - 100) * 1000 / 256 + slack_ms(), f"stop: {window}"
    since = now()
    two.d1.start()
    two.probe.answered_by("lb1", 20, since)
    two.d2.wait_state("backup")
    window = two.probe.window(since)
    assert its_own_gap(two, two.lab.lb1, sniffer, window, since)
    assert neighbour.macs() == {MAC}


# ---- beside FRR, which knows no other way ----

def lose_nothing_beside_frr(window, before):
    """FRR announces once. Where an answer of the one who leaves was still under way then, the switch has the MAC address on that
    one's port again, until FRR speaks the next time, an interval later."""
    drawn_back = window.nodes.count(before) > 1
    assert window.lost <= allowed() or (drawn_back and window.outage_ms <= 1000 + slack_ms()), window


@pytest.mark.parametrize("ours", ["active", "backup"])
def test_stop_and_return_beside_frr(pair, family, ours):
    """FRR goes on answering after its goodbye, and announces before it speaks: nothing is lost in either role, whoever of the two
    answers while both can."""
    vip, mac = family
    two = pair(kinds=("standbyd", "frr") if ours == "active" else ("frr", "standbyd"), addresses=(vip,), advert_ms=1000, mac="virtual")
    for node, kind in zip((two.n1, two.n2), two.kinds):
        if kind == "frr":
            node.sysctl("ipv4/conf/eno1/arp_announce", 2)
    neighbour = Neighbour(two.lab, vip)
    since = two.d1.stop()
    two.probe.answered_by("lb2", 12, since)
    lose_nothing_beside_frr(two.probe.window(since), "lb1")
    since = now()
    two.d1.start()
    two.probe.answered_by("lb1", 20, since)
    lose_nothing_beside_frr(two.probe.window(since), "lb2")
    assert neighbour.macs() == {mac}
