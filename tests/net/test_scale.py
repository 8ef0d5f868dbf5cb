# SPDX-License-Identifier: GPL-2.0-or-later
"""As many virtual routers as one interface can have, and as many vips as one node can."""
import errno
import socket
import struct

from conftest import SANITIZED, bound_ms, vip_config
from lab import MS, PORT, Standbyd, now, pass_time, wait_for

VRIDS = 255  # of each family on one interface
MAGIC = 0x7374616E64627964  # of probe.c's questions
PATIENCE = 70 if SANITIZED else 40


class Many:
    """255 vips of IPv4 and 255 of IPv6 on each interface."""

    def __init__(self, interfaces):
        self.addresses = {}  # name → (interface, vrid, address)
        for i in range(1, interfaces + 1):
            for vrid in range(1, VRIDS + 1):
                self.addresses[f"four{i}-{vrid}"] = (f"eno{i}", vrid, f"198.18.{i}.{vrid}")
                self.addresses[f"six{i}-{vrid}"] = (f"eno{i}", vrid, f"2001:db8:{i}::{vrid:x}")

    def config(self, node, n=None, **special):
        """The first n, all with the options of `all_`, some by name with their own."""
        common = special.pop("all_", {})
        texts = [vip_config(node, name=name, on=on, vrid=vrid, addresses=(address,), **{"advert": "1s", **common, **special.get(name, {})})
                 for name, (on, vrid, address) in list(self.addresses.items())[:n]]
        return f"version: 1\nnode: {node.name}\nvips:\n" + "".join(texts)


def states(daemon):
    found = {}
    for vip in daemon.status()["vips"]:
        found[vip["state"]] = found.get(vip["state"], 0) + 1
    return found


def wait_states(daemon, wanted):
    def reached():
        pass_time(0.2)  # a status of thousands is work for who is to be waited for
        return states(daemon) == wanted
    try:
        wait_for(reached, PATIENCE, f"{wanted} on {daemon.node.name}")
    except TimeoutError as error:
        raise TimeoutError(f"{error}, but {states(daemon)}") from None


class Asker:
    """A client that asks every address once and hears who answers."""

    def __init__(self, client, addresses):
        self.addresses = addresses
        client.run("ip", "route", "add", "198.18.0.0/15", "dev", "cli0", "src", "192.0.2.200")
        client.run("ip", "-6", "route", "add", "2001:db8:1::/48", "dev", "cli0", "src", "2001:db8::200")
        # An entry for each address is more than a kernel keeps by default.
        for family in ("ipv4", "ipv6"):
            client.sysctl(f"{family}/neigh/default/gc_thresh3", 4096)
        with client.enter():
            self.sockets = {family: socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
                            for family in (socket.AF_INET, socket.AF_INET6)}

    def ask(self):
        """{address: node} of those that answer within a while."""
        for number, address in enumerate(self.addresses):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                self.sockets[family].sendto(struct.pack("=QQ", MAGIC, number), (address, PORT))
            except OSError as error:  # many may wait for their neighbour at once, not all
                assert error.errno in (errno.EAGAIN, errno.ENOBUFS), error
        pass_time(0.3)
        found = {}
        for s in self.sockets.values():
            while True:
                try:
                    answer, (source, *_) = s.recvfrom(256)
                except BlockingIOError:
                    break
                found[source] = answer[16:].split(b"\0")[0].decode()
        return found

    def wait_all(self, node):
        """Asks until this node has answered for every address, and no other since it was first asked."""
        heard = {}

        def all_answer():
            heard.update(self.ask())
            return len(heard) == len(self.addresses) and set(heard.values()) == {node.name}
        try:
            wait_for(all_answer, PATIENCE, f"{node.name} answers for all addresses")
        except TimeoutError as error:
            missing = [a for a in self.addresses if heard.get(a) != node.name]
            raise TimeoutError(f"{error}: not for {len(missing)}, as {missing[:5]}") from None


def test_every_vrid_of_an_interface(make_lab):
    """510 vips move, each is answered by its new node, and the one that this node had already goes on speaking in time."""
    lab, many, busy = make_lab(ports=1), Many(1), "four1-7"
    for node in lab.nodes:
        node.ready().address("eno1", f"192.0.2.{10 + node.number}/24")
        node.address("eno1", f"2001:db8::{10 + node.number}/64")
    lab.answer()
    d1 = Standbyd(lab.lb1, many.config(lab.lb1, all_={"priority": 200}, **{busy: {"priority": 50, "advert": "100ms"}}))
    d2 = Standbyd(lab.lb2, many.config(lab.lb2, **{busy: {"advert": "100ms"}}))
    d2.start()
    d1.start()
    asker = Asker(lab.client, [address for name, (_, _, address) in many.addresses.items() if name != busy])
    wait_states(d1, {"active": 2 * VRIDS - 1, "backup": 1})
    wait_states(d2, {"active": 1, "backup": 2 * VRIDS - 1})
    asker.wait_all(lab.lb1)
    sniffer = lab.sniff()
    since = lab.lb1.pull()
    wait_states(d2, {"active": 2 * VRIDS})
    asker.wait_all(lab.lb2)
    pass_time(1.2)  # the announcements are repeated after a second
    times = [f["at"] for f in sniffer.adverts("192.0.2.12", since=since, vrid=7)]
    assert max(b - a for a, b in zip(times, times[1:])) / MS < bound_ms(100, 100), "as if it had failed"
    assert d2.status()["counters"]["packets_lost"] == 0


def test_flood(make_lab):
    """5,000 adverts a second: none of them is lost, nobody is taken for dead, and the goodbyes that end them are heard."""
    lab, many = make_lab(ports=1), Many(1)
    for node in lab.nodes:
        node.ready().address("eno1", f"192.0.2.{10 + node.number}/24")
    d1, d2 = (Standbyd(node, many.config(node, all_={"priority": priority, "advert": "100ms"}))
              for node, priority in zip(lab.nodes, (200, 100)))
    d1.start()
    wait_states(d1, {"active": 2 * VRIDS})
    d2.start()
    wait_states(d2, {"backup": 2 * VRIDS})
    before = d2.status()["counters"]["packets_received"]
    pass_time(2)
    status = d2.status()
    assert status["counters"]["packets_received"] - before > 2 * VRIDS, "hardly one advert of each"
    assert status["counters"]["packets_lost"] == 0
    assert {vip["state"] for vip in status["vips"]} == {"backup"}
    d1.stop(deadline=PATIENCE)
    wait_states(d2, {"active": 2 * VRIDS})


def test_thousands(make_lab):
    """4,000 vips start, become active and stop gracefully: nothing is left, and none was put back meanwhile."""
    n = 1000 if SANITIZED else 4000
    lab, many = make_lab(names=("lb1",), ports=8), Many(8)
    lab.switch.link_set("uplink1", state="down")  # the same vrids are on all interfaces: each has a network of its own
    node = lab.lb1.ready()
    for i in range(1, 9):
        node.address(f"eno{i}", f"192.0.{i + 1}.11/24")
    daemon = Standbyd(node, many.config(node, n))
    assert daemon.ctl("check", daemon.config_path).returncode == 0
    daemon.start()
    wait_states(daemon, {"active": n})
    counters = daemon.status()["counters"]
    assert counters["repairs"] == counters["refusals"] == counters["overruns"] == 0, counters
    since = now()
    daemon.stop(deadline=PATIENCE)
    took, left = (now() - since) / MS, [a for a in node.addresses() if not a.startswith("192.0.")]
    assert daemon.exit_status == 0 and not left, (daemon.exit_status, left[:5])
    assert took < 1000 * PATIENCE


def test_thousand_vips_by_heartbeats_move_once(make_lab):
    """A node that stops gives all its vips to the other, which takes each of them once."""
    n = 300 if SANITIZED else 1000
    lab = make_lab(ports=2)
    for node in lab.nodes:
        node.ready().address("eno1", f"192.0.2.{10 + node.number}/24")
        node.address("eno2", f"10.0.0.{10 + node.number}/24")
    vips = "".join(f"  v{i}: {{on: eno1, priority: {{lb1: 200, lb2: 100}}, addresses: [198.18.{i // 250}.{i % 250 + 1}]}}\n"
                   for i in range(n))
    paths = "".join(f"  {node.name}: {{paths: {{lan: {{on: eno1, address: 192.0.2.{10 + node.number}}}, "
                    f"direct: {{on: eno2, address: 10.0.0.{10 + node.number}}}}}}}\n" for node in lab.nodes)
    d1, d2 = (Standbyd(node, f"version: 1\nnode: {node.name}\nnodes:\n{paths}heartbeat: {{interval: 500ms, lost: 4}}\nvips:\n{vips}")
              for node in lab.nodes)
    d1.start()
    wait_states(d1, {"active": n})
    d2.start()
    wait_for(lambda: all(node["state"] == "alive" for d in (d1, d2) for node in d.status()["nodes"] if not node["self"]), PATIENCE,
             "both know each other")
    wait_states(d2, {"backup": n})
    d1.stop(deadline=PATIENCE)
    assert d1.exit_status == 0 and not [a for a in lab.lb1.addresses() if a.startswith("198.18.")]
    wait_states(d2, {"active": n})
    status = d2.status()
    assert {vip["counters"]["became_active"] for vip in status["vips"]} == {1}, "one was let go and taken again"
    assert status["counters"]["repairs"] == status["counters"]["refusals"] == 0, status["counters"]
