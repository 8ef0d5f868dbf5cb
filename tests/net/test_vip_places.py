# SPDX-License-Identifier: GPL-2.0-or-later
"""What a vip carries besides its own addresses: addresses on other interfaces, on two nodes with two NICs each."""
import socket

import pytest
from scapy.all import ARP, Ether

from conftest import INTERVAL_US, allowed, bound_ms, plain_config, slack_ms, vip_config
from lab import SECOND, VIP, Namespace, Standbyd, now, pass_time, wait_for

ADVERT_MS = 100
OTHER, OTHER6 = "10.1.0.1", "2001:db8:1::1"  # on eno2, whose switch is another network here


def vip(node, priority, addresses=None, **more):
    """The vip of that node, on eno1; `addresses` as they are written."""
    text = vip_config(node, priority=priority, **{"advert": f"{ADVERT_MS}ms", **more})
    listed = addresses or [VIP, f"{{address: {OTHER}/24, on: eno2}}"]
    return "".join(f"    addresses: [{', '.join(listed)}]\n" if line.lstrip().startswith("addresses:") else line + "\n"
                   for line in text.splitlines())


class Places:
    """lb1 (priority 200) and lb2 (100): eno1 in 192.0.2.0/24 with the client, eno2 in 10.1.0.0/24 with a client of its own."""

    def __init__(self, lab, **options):
        self.lab, self.options = lab, options
        self.n1, self.n2 = lab.nodes
        lab.switch.link_set("uplink1", state="down")
        for node in lab.nodes:
            node.ready().address("eno1", f"192.0.2.{10 + node.number}/24")
        self.far = lab._keep(Namespace(lab, "far"))
        lab.plug_in(self.far, "far0", "sw2", "02:00:00:00:c2:01", index=202)
        self.far.link_set("far0", state="up")
        self.far.address("far0", "10.1.0.200/24")
        self.far.address("far0", "2001:db8:1::200/64")
        self.far.ip.route("add", dst="192.0.2.0/24", gateway=OTHER)
        lab.answer()
        self.d1 = Standbyd(self.n1, self.config(self.n1, 200))
        self.d2 = Standbyd(self.n2, self.config(self.n2, 100))

    def config(self, node, priority, **options):
        return plain_config(node, vip(node, priority, **{**self.options, **options}))

    def start(self, address=OTHER):
        self.d1.start()
        self.d2.start()
        self.d1.wait_state("active")
        self.d2.wait_state("backup")
        self.near_probe = self.lab.probe(VIP, INTERVAL_US)
        self.far_probe = self.lab.probe(address, INTERVAL_US, self.far)
        for probe in self.probes():
            probe.answered_by("lb1", 15)
        return self

    def probes(self):
        return self.near_probe, self.far_probe

    def reload_file(self, daemon, priority, **options):
        daemon.write(self.config(daemon.node, priority, **options))

    def reload(self, daemon, priority, **options):
        self.reload_file(daemon, priority, **options)
        done = daemon.ctl("reload")
        assert done.returncode == 0, done
        return self

    def lose_nothing(self, since, *nodes):
        windows = {probe.address: probe.window(since) for probe in self.probes()}
        said = "; ".join(f"{address}: {window}" for address, window in windows.items())
        assert sum(window.lost for window in windows.values()) <= allowed(), said
        assert all(window.nodes == list(nodes) for window in windows.values()), said


@pytest.fixture
def places(make_lab):
    return lambda **options: Places(make_lab(), **options).start()


def elsewhere(daemon, address=f"{OTHER}/24"):
    return next(a for a in daemon.vip()["elsewhere"] if a["address"] == address)


def test_an_address_on_the_other_interface_comes_and_goes_with_the_vip(places):
    two = places()
    assert two.n1.addresses()[OTHER][:2] == ("eno2", 24) and not two.n2.holds(OTHER)
    assert two.n1.addresses()[OTHER][2] is not None, "it has a lease"
    assert elsewhere(two.d1) == {"address": f"{OTHER}/24", "on": "eno2", "there": True, "reason_code": "none", "reason": ""}
    assert not elsewhere(two.d2)["there"]
    text = two.d1.ctl("status").stdout
    assert f"{OTHER}/24 on eno2" in text, text

    since = two.d1.stop()
    for probe in two.probes():
        probe.answered_by("lb2", 10, since)
    two.lose_nothing(since, "lb1", "lb2")
    assert not two.n1.holds(OTHER) and not two.n1.holds(VIP)

    since = now()
    two.d1.start()
    for probe in two.probes():
        probe.answered_by("lb1", 15, since)
    two.d2.wait_state("backup")
    two.lose_nothing(since, "lb2", "lb1")


def test_a_dead_node_loses_both(places):
    two = places()
    since = two.n1.power_off()
    for probe in two.probes():
        probe.answered_by("lb2", 5, since)
        window = probe.window(since)
        assert window.outage_ms <= bound_ms(ADVERT_MS, 100) + slack_ms(), f"{probe.address}: {window}"


def test_killed_and_restarted_it_adopts_both(places):
    two = places(lease="10s", advert="500ms")
    for _ in range(2):
        since = two.d1.kill9()
        two.d1.start().wait_state("active")
        pass_time(2.2)
        two.lose_nothing(since, "lb1")
        assert two.d1.vip()["reason_code"] == "resumed" and not two.n1.changes(OTHER, since)


def test_killed_for_good_its_lease_takes_it_away(places):
    two = places()
    since = two.d1.kill9()
    wait_for(lambda: two.n2.holds(OTHER), 5)
    wait_for(lambda: not two.n1.holds(OTHER), 10)
    two.far_probe.answered_by("lb2", 10, since)


def test_removed_by_somebody_it_comes_back_and_the_culprit_is_named(places):
    two = places()
    since = now()
    two.n1.address_del("eno2", OTHER, 24)
    wait_for(lambda: two.n1.holds(OTHER) and len(two.n1.changes(OTHER, since)) >= 2, 5, "it is put back")
    assert any(e["code"] == "repaired" and OTHER in e["text"] for e in two.d1.events())
    two.far_probe.answered_by("lb1", 5)


def test_an_interface_that_is_not_there_keeps_nobody_from_being_active(make_lab):
    lab = make_lab(names=("lb1",), ports=1)
    node = lab.lb1.ready()
    node.address("eno1", "192.0.2.11/24")
    daemon = Standbyd(node, plain_config(node, vip(node, 100, [VIP, f"{{address: {OTHER}/24, on: far1}}"]))).start()
    daemon.wait_state("active")
    assert elsewhere(daemon)["reason_code"] == "interface-absent" and not elsewhere(daemon)["there"]
    assert any(OTHER in w and "far1" in w for w in daemon.status()["warnings"]), daemon.status()["warnings"]
    assert daemon.vip()["holding"]

    node.ip.link("add", ifname="far1", kind="veth", peer={"ifname": "far2"})
    wait_for(lambda: elsewhere(daemon)["reason_code"] == "interface-down", 5)
    node.link_set("far1", state="up")
    wait_for(lambda: node.holds(OTHER) == "far1", 5)
    wait_for(lambda: elsewhere(daemon)["there"] and elsewhere(daemon)["reason_code"] == "link-down", 5)
    node.link_set("far2", state="up")
    sniffer = lab.sniff(node, "far2")
    wait_for(lambda: sniffer.garps(OTHER), 5, "announced once there is a link")
    wait_for(lambda: elsewhere(daemon)["reason_code"] == "none" and not daemon.status()["warnings"], 5)

    node.link_set("far1", state="down")
    node.link_set("far1", state="up")
    wait_for(lambda: node.holds(OTHER) == "far1" and elsewhere(daemon)["there"], 5)
    node.ip.link("del", index=node.index("far1"))
    wait_for(lambda: elsewhere(daemon)["reason_code"] == "interface-gone", 5)
    assert daemon.state() == "active" and len([e for e in daemon.events() if e["state"] == "active"]) == 1


def test_another_machine_that_claims_it_is_named_and_answered(places):
    two = places()
    sniffer = two.lab.sniff(two.far, "far0")
    thief = "02:00:00:00:66:66"
    frame = bytes(Ether(src=thief, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=thief, psrc=OTHER, hwdst="00:00:00:00:00:00", pdst=OTHER))
    since = now()
    with two.far.enter(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as wire:
        wire.bind(("far0", 0))
        wire.send(frame)
    wait_for(lambda: any(e["code"] == "conflict" and thief in e["text"] for e in two.d1.events()), 5)
    wait_for(lambda: [g for g in sniffer.garps(OTHER, since) if g["sha"] == two.n1.mac("eno2")], 5, "announced anew")


def test_a_reload_moves_adds_and_removes_addresses_alone(places):
    two = places()
    since = now()
    two.reload(two.d1, 200, addresses=[VIP, f"{{address: {OTHER}/24, on: eno2}}", "{address: 10.1.0.2/32, on: eno2}",
                                       f'{{address: "{OTHER6}/64", on: eno2}}'])
    wait_for(lambda: two.n1.holds("10.1.0.2") == "eno2" and two.n1.holds(OTHER6) == "eno2", 5)
    two.reload(two.d1, 200, addresses=[VIP, f"{{address: {OTHER}/24, on: eno2}}", "{address: 10.1.0.2/32, on: eno1}"])
    wait_for(lambda: two.n1.places("10.1.0.2") == ["eno1"] and not two.n1.holds(OTHER6), 5)
    two.reload(two.d1, 200)
    wait_for(lambda: not two.n1.holds("10.1.0.2"), 5)
    assert not two.n1.changes(OTHER, since) and not two.n1.changes(VIP, since)
    two.lose_nothing(since, "lb1")
    diff = two.d1
    diff.write(two.config(two.n1, 200, addresses=[VIP, f"{{address: {OTHER}/24, on: eno1}}"]))
    text = diff.ctl("diff").stdout
    assert f"- vip 'web': address {{address: {OTHER}/24, on: eno2}}" in text and f"+ vip 'web': address {OTHER}/24" in text, text
    assert f"adds address {OTHER}/24 to eno1" in text and f"removes address {OTHER}/24 from eno2" in text, text


def test_addresses_are_announced_from_time_to_time(pair):
    four, six = [VIP, *(f"192.0.2.{i}" for i in range(101, 160))], [f"2001:db8::{i}" for i in range(100, 120)]
    two = pair(addresses=(*four, *six), announce="1s")
    sniffer = two.lab.sniff()
    pass_time(5.5)  # the announcements that belong to the takeover are over
    since = now()

    def twice():
        return (all(len({g["at"] // (SECOND // 2) for g in sniffer.garps(ip, since)}) > 1 for ip in four)
                and all(len(sniffer.announcements(ip, since)) > 1 for ip in six))
    wait_for(twice, 10, "each address is announced twice")
    assert now() - since >= SECOND
    adverts = [a["at"] for a in sniffer.adverts("192.0.2.11", since)]
    assert max(b - a for a, b in zip(adverts, adverts[1:])) < 3 * ADVERT_MS * 10**6, "no advert waits for announcements"
    assert two.d2.state() == "backup" and two.d1.vip()["counters"]["conflicts"] == 0


# ---- routes -------------------------------------------------------------------------------------------------------------

ROUTES = [f"{{to: default, via: 192.0.2.200, from: {VIP}, table: 100}}", f"{{to: 10.8.0.0/16, via: 10.1.0.200, on: eno2, from: {OTHER}}}"]
PROTOCOL = 83


def routes(node, ours=True):
    """[(destination, gateway, interface, table)] of ours, or of all that are not, without the kernel's own."""
    found = []
    for message in node.ip.get_routes():
        if message["type"] != 1 or message["proto"] == 2 or (message["proto"] == PROTOCOL) != ours:
            continue
        names = {link["index"]: name for name, link in node.links().items()}
        found.append((f"{message.get_attr('RTA_DST') or 'default'}/{message['dst_len']}", message.get_attr("RTA_GATEWAY"),
                      names.get(message.get_attr("RTA_OIF")), message.get_attr("RTA_TABLE")))
    return sorted(found)


OURS = [("10.8.0.0/16", "10.1.0.200", "eno2", 254), ("default/0", "192.0.2.200", "eno1", 100)]


def test_routes_come_and_go_with_the_vip(places):
    two = places(routes=f"[{', '.join(ROUTES)}]")
    wait_for(lambda: routes(two.n1) == OURS, 5)
    assert routes(two.n2) == []
    assert all(r["there"] for r in two.d1.vip()["routes"]) and not any(r["there"] for r in two.d2.vip()["routes"])
    assert "2 routes" in two.d1.ctl("status").stdout

    since = two.d1.stop()
    for probe in two.probes():
        probe.answered_by("lb2", 10, since)
    assert routes(two.n1) == [] and routes(two.n2) == OURS
    two.lose_nothing(since, "lb1", "lb2")
    two.d1.start()
    for probe in two.probes():
        probe.answered_by("lb1", 15, since)
    two.d2.wait_state("backup")
    assert routes(two.n1) == OURS
    wait_for(lambda: routes(two.n2) == [], 5)


def test_routes_are_put_back_and_the_culprit_is_named(places):
    two = places(routes=f"[{', '.join(ROUTES)}]")
    two.n1.run("ip", "route", "add", "10.9.0.0/16", "via", "10.1.0.200")
    for command in (("ip", "route", "del", "default", "table", "100"), ("ip", "route", "del", "10.8.0.0/16"),
                    ("ip", "link", "set", "eno2", "down"), ("ip", "addr", "del", f"{VIP}/32", "dev", "eno1")):
        two.n1.run(*command)
        two.n1.run("ip", "link", "set", "eno2", "up")
        wait_for(lambda: routes(two.n1) == OURS, 5, f"put back after {' '.join(command)}")
    told = [e["text"] for e in two.d1.events() if e["code"] == "repaired"]
    assert any("default route" in t for t in told) and any("10.8.0.0/16" in t for t in told), told


def test_killed_and_restarted_it_adopts_its_routes(places):
    two = places(routes=f"[{', '.join(ROUTES)}]", advert="500ms", lease="10s")
    two.d1.kill9()
    with two.n1.enter():
        watch = two.n1.popen(["ip", "monitor", "route"], stdout=open(two.d1.directory / "monitor", "w"))
    two.d1.start().wait_state("active")
    pass_time(1)
    assert two.d1.vip()["reason_code"] == "resumed" and routes(two.n1) == OURS
    watch.terminate()
    watch.wait()
    two.lab.ended(watch)
    assert (two.d1.directory / "monitor").read_text() == "", "nothing was touched"


def test_what_a_crash_left_goes_at_the_next_start(places):
    two = places(routes=f"[{', '.join(ROUTES)}]")
    two.d1.kill9()
    two.far_probe.answered_by("lb2", 10)
    wait_for(lambda: not two.n1.holds(OTHER), 10, "the lease ends")
    two.n1.run("ip", "route", "replace", "10.8.0.0/16", "via", "10.1.0.200", "dev", "eno2", "onlink", "proto", str(PROTOCOL))
    two.reload_file(two.d1, 50)
    two.d1.start().wait_state("backup")
    wait_for(lambda: routes(two.n1) == [], 5)


def test_a_reload_adds_and_removes_routes_alone(places):
    two = places(routes=f"[{', '.join(ROUTES)}]")
    more = "{to: 10.9.0.0/16, via: 192.0.2.200, metric: 7}"
    since = now()
    two.reload(two.d1, 200, routes=f"[{', '.join([*ROUTES, more])}]")
    wait_for(lambda: routes(two.n1) == sorted([*OURS, ("10.9.0.0/16", "192.0.2.200", "eno1", 254)]), 5)
    two.d1.write(two.config(two.n1, 200, routes=f"[{ROUTES[0]}]"))
    text = two.d1.ctl("diff").stdout
    assert "removes the route to 10.9.0.0/16 via 192.0.2.200" in text and "- vip 'web': route {to: 10.8.0.0/16" in text, text
    two.reload(two.d1, 200, routes=f"[{ROUTES[0]}]")
    wait_for(lambda: routes(two.n1) == [OURS[1]], 5)
    assert not two.n1.changes(OTHER, since) and not two.n1.changes(VIP, since)
    two.lose_nothing(since, "lb1")


def test_a_route_that_the_kernel_refuses_is_a_warning(places):
    two = places(routes="[{to: 10.8.0.0/16, via: 203.0.113.1}, {to: 10.9.0.0/16, via: 192.0.2.200}]")
    wait_for(lambda: any("10.8.0.0/16" in w and "refused" in w for w in two.d1.status()["warnings"]), 5)
    assert two.d1.state() == "active" and two.d1.vip()["holding"]
    assert routes(two.n1) == [("10.9.0.0/16", "192.0.2.200", "eno1", 254)]
    assert len([e for e in two.d1.events() if e["code"] == "refused"]) == 1
    assert not two.d2.status()["warnings"], "it is no trouble where the vip is not held"


# ---- rules --------------------------------------------------------------------------------------------------------------

FAR = "172.16.0.200"  # no node has a route to it but in table 100
POLICY = {"routes": "[{to: 172.16.0.0/16, via: 10.1.0.200, on: eno2, table: 100}]",
          "routing_policy": f"[{{from: {VIP}, table: 100, priority: 100}}, {{to: \"2001:db8:9::/48\", table: 101, priority: 101, mark: 7}}]"}
RULES = [(100, f"{VIP}/32", None, 100), (101, None, "2001:db8:9::/48", 101)]


def rules(node, ours=True):
    """[(priority, from, to, table)] of ours, or of all that are not, without the kernel's own."""
    def net(message, name, length):
        return f"{message.get_attr(name)}/{message[length]}" if message[length] else None
    return sorted(((m.get_attr("FRA_PRIORITY") or 0, net(m, "FRA_SRC", "src_len"), net(m, "FRA_DST", "dst_len"),
                    m.get_attr("FRA_TABLE"))
                   for family in (2, 10) for m in node.ip.get_rules(family=family)
                   if (m.get_attr("FRA_PROTOCOL") == PROTOCOL) == ours and m.get_attr("FRA_PROTOCOL") != 2),
                  key=str)


class Policy(Places):
    """A client whose answers find their way only by the vip's rule and the route in its table."""

    def __init__(self, lab, **options):
        super().__init__(lab, **POLICY, **options)
        for node in lab.nodes:
            for key in ("all", "eno1", "eno2"):
                node.sysctl(f"ipv4/conf/{key}/rp_filter", 0)
        self.far.address("far0", f"{FAR}/16")
        self.far.ip.route("replace", dst="192.0.2.0/24", gateway=OTHER, prefsrc=FAR)

    def start(self, address=OTHER):
        super().start(address)
        self.rule_probe = self.lab.probe(VIP, INTERVAL_US, self.far)
        self.rule_probe.answered_by("lb1", 10)
        return self

    def probes(self):
        return (*super().probes(), *([self.rule_probe] if hasattr(self, "rule_probe") else []))


@pytest.fixture
def policy(make_lab):
    return lambda **options: Policy(make_lab(), **options).start()


def test_rules_come_and_go_with_the_vip(policy):
    two = policy()
    assert rules(two.n1) == RULES and rules(two.n2) == []
    assert [(r["priority"], r["from"], r["to"], r["table"], r["mark"], r["there"]) for r in two.d1.vip()["routing_policy"]] == [
        (100, f"{VIP}/32", None, 100, 0, True), (101, None, "2001:db8:9::/48", 101, 7, True)]
    assert "2 rules" in two.d1.ctl("status").stdout and not two.d1.status()["warnings"]

    since = two.d1.stop()
    for probe in two.probes():
        probe.answered_by("lb2", 10, since)
    assert rules(two.n1) == [] and rules(two.n2) == RULES
    two.lose_nothing(since, "lb1", "lb2")

    since = now()
    two.d1.start()
    for probe in two.probes():
        probe.answered_by("lb1", 15, since)
    two.d2.wait_state("backup")
    wait_for(lambda: rules(two.n2) == [], 5)
    two.lose_nothing(since, "lb2", "lb1")


def test_a_dead_nodes_client_is_answered_by_the_others_rule(policy):
    two = policy()
    since = two.n1.power_off()
    two.rule_probe.answered_by("lb2", 5, since)
    window = two.rule_probe.window(since)
    assert window.outage_ms <= bound_ms(ADVERT_MS, 100) + slack_ms(), window


def test_rules_are_put_back_and_others_are_left_alone(policy):
    two = policy()
    two.n1.run("ip", "rule", "add", "from", "10.7.0.1", "table", "200", "priority", "300")
    two.n1.run("ip", "rule", "add", "from", VIP, "table", "100", "priority", "102")
    others = rules(two.n1, ours=False)
    two.n1.run("ip", "rule", "del", "from", VIP, "table", "100", "priority", "100")
    wait_for(lambda: rules(two.n1) == RULES, 5, "put back")
    two.n1.run("ip", "-6", "rule", "del", "priority", "101")
    wait_for(lambda: rules(two.n1) == RULES, 5, "put back")
    told = [e for e in two.d1.events() if e["code"] == "repaired"]
    assert [e["object_type"] for e in told] == ["rule", "rule"] and f"the rule for {VIP}/32" in told[0]["text"], told
    two.rule_probe.answered_by("lb1", 5)
    two.d1.stop()
    assert rules(two.n1) == [] and rules(two.n1, ours=False) == others


def test_killed_and_restarted_it_adopts_its_rules(policy):
    two = policy(advert="500ms", lease="10s")
    with two.n1.enter():
        watch = two.n1.popen(["ip", "monitor", "rule"], stdout=open(two.d1.directory / "monitor", "w"))
    two.d1.kill9()
    two.d1.start().wait_state("active")
    assert two.d1.vip()["reason_code"] == "resumed" and rules(two.n1) == RULES
    assert all(r["there"] for r in two.d1.vip()["routing_policy"])
    watch.terminate()
    watch.wait()
    two.lab.ended(watch)
    assert (two.d1.directory / "monitor").read_text() == "", "nothing was touched"


def test_rules_that_a_crash_left_go_at_the_next_start(policy):
    two = policy()
    two.d1.kill9()
    two.rule_probe.answered_by("lb2", 10)
    assert rules(two.n1) == RULES
    two.reload_file(two.d1, 50)
    two.d1.start().wait_state("backup")
    wait_for(lambda: rules(two.n1) == [] and routes(two.n1) == [], 5)


def test_what_a_crash_left_goes_with_another_configuration(policy):
    two = policy(advert="500ms", lease="10s")
    two.n1.run("ip", "route", "add", "10.9.0.0/16", "via", "10.1.0.200", "table", "100")
    two.n1.run("ip", "rule", "add", "from", VIP, "table", "100", "priority", "102")
    theirs = routes(two.n1, ours=False), rules(two.n1, ours=False)
    two.d1.kill9()
    assert rules(two.n1) == RULES and routes(two.n1)
    two.reload_file(two.d1, 200, **{**POLICY, "routing_policy": f"[{{from: {VIP}, table: 100, priority: 100}}]"})
    two.d1.start().wait_state("active")
    wait_for(lambda: rules(two.n1) == RULES[:1], 5, "the other rule goes")
    assert routes(two.n1) == [("172.16.0.0/16", "10.1.0.200", "eno2", 100)], "the route is still configured"

    two.d1.kill9()
    two.d1.write(plain_config(two.n1, vip(two.n1, 200, advert="500ms", lease="10s")))
    two.d1.start()
    wait_for(lambda: rules(two.n1) == [] and routes(two.n1) == [], 5, "what the vip has no more")
    assert (routes(two.n1, ours=False), rules(two.n1, ours=False)) == theirs


def test_what_a_crash_left_goes_with_its_vip(policy):
    two = policy()
    two.d1.kill9()
    two.rule_probe.answered_by("lb2", 10)
    assert rules(two.n1) == RULES and routes(two.n1)
    two.d1.write(plain_config(two.n1, vip(two.n1, 50, ["192.0.2.99"], vrid=77, name="other")))
    two.d1.start()
    wait_for(lambda: rules(two.n1) == [] and routes(two.n1) == [], 5)


def test_a_reload_adds_and_removes_rules_alone(policy):
    two = policy()
    more = f"{{from: {OTHER}, table: 100, priority: 103}}"
    since = now()
    two.reload(two.d1, 200, **{**POLICY, "routing_policy": f"[{{from: {VIP}, table: 100, priority: 100}}, {more}]"})
    wait_for(lambda: rules(two.n1) == [RULES[0], (103, f"{OTHER}/32", None, 100)], 5)
    two.d1.write(two.config(two.n1, 200))
    text = two.d1.ctl("diff").stdout
    assert f"removes the rule from {OTHER}/32 with priority 103, table 100" in text, text
    assert f"- vip 'web': rule {{priority: 103, table: 100, from: {OTHER}/32}}" in text, text
    two.reload(two.d1, 200)
    wait_for(lambda: rules(two.n1) == RULES, 5)
    two.lose_nothing(since, "lb1")


def test_a_rule_that_somebody_else_has_is_a_warning(places):
    two = places(routing_policy=f"[{{from: {VIP}, table: 100, priority: 100}}]")
    two.d1.stop()
    two.n1.run("ip", "rule", "add", "from", VIP, "table", "100", "priority", "100", "protocol", str(PROTOCOL + 1))
    two.d1.start().wait_state("active")
    two.d2.wait_state("backup")
    theirs = [(100, f"{VIP}/32", None, 100)]
    # A kernel that tells rules apart by their protocol makes ours beside theirs.
    wait_for(lambda: rules(two.n1) == theirs or any("priority 100" in w for w in two.d1.status()["warnings"]), 5)
    assert two.d1.state() == "active" and two.d1.vip()["holding"]
    two.d1.stop()
    assert rules(two.n1) == [] and rules(two.n1, ours=False)[:1] == theirs
