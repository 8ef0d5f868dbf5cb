# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes that tell each other that they live: paths, authentication, what is not believed, and whether they run the same."""
import collections
import contextlib
import os
import select
import socket
import struct
import threading

import pytest

from conftest import SANITIZED, bond_text
from lab import MS, SECOND, Standbyd, now, wait_for

KEY_A, KEY_B = "1: " + "a5" * 32 + "\n", "2: " + "5a" * 32 + "\n"
PORT = 8113
SLACK_MS = 600 if SANITIZED else 250
V4 = {"lan": ("eno1", "192.0.2.1{}", 24), "direct": ("eno2", "10.0.0.{}", 24)}
V6 = {"lan": ("eno1", "2001:db8::1{}", 64), "direct": ("eno2", "fd00::{}", 64)}


class Cluster:
    """lb1 and lb2 with two paths between them, and no vips."""

    def __init__(self, lab, paths=None, keys=None, heartbeat="", bonds="", address=True, kind=Standbyd):
        self.lab, self.paths, self.heartbeat, self.bonds = lab, paths or V4, heartbeat, bonds
        for node in lab.nodes:
            node.ready()
            for port in node.ports:  # both switches are one LAN: each NIC answers for its own address alone
                node.sysctl(f"ipv4/conf/{port}/arp_ignore", 1)
            for on, ip, prefix in self.paths.values() if address else ():
                node.address(on, f"{ip.format(node.number)}/{prefix}")
        self.daemons = [kind(node, "") for node in lab.nodes]
        self.d1, self.d2 = self.daemons[:2]
        for daemon in self.daemons:
            if keys:
                self.write_keys(daemon, keys)
            daemon.write(self.config(daemon))

    def config(self, daemon, heartbeat=None, auth="required"):
        beat = [self.heartbeat if heartbeat is None else heartbeat]
        if self.key_path(daemon).exists():
            files = ", ".join(f"{name}: {path}" for name, path in zip(("lb1", "lb2"), map(self.key_path, (self.d1, self.d2))))
            beat.append(f"key-file: {{{files}}}, auth: {auth}")
        text = f"version: 1\nnode: {daemon.node.name}\n{self.bonds}nodes:\n"
        for number, name in enumerate((node.name for node in self.lab.nodes), 1):
            text += f"  {name}:\n    paths:\n"
            text += "".join(f"      {path}: {{on: {on}, address: \"{ip.format(number)}\"}}\n"
                            for path, (on, ip, _) in self.paths.items())
        beat = ", ".join(part for part in beat if part)
        return text + (f"heartbeat: {{{beat}}}\n" if beat else "")

    def key_path(self, daemon):
        return self.lab.directory / "cluster.key" if daemon.node.name == "lb1" else self.lab.directory / "cluster2.key"

    def write_keys(self, daemon, text):
        path = self.key_path(daemon)
        path.touch(0o600)
        path.write_text(text)

    def start(self):
        for daemon in self.daemons:
            daemon.start()
        for daemon in self.daemons:
            self.wait(daemon, "alive", {path: "up" for path in self.paths})
        return self

    def other(self, daemon):
        """What it says of the other node, of three of the first one."""
        return next(node for node in daemon.status()["nodes"] if not node["self"])

    def wait(self, daemon, state, paths=None, deadline=5):
        def right():
            node = self.other(daemon)
            return node["state"] == state and (paths is None or {p["name"]: p["state"] for p in node["paths"]} == paths)
        try:
            wait_for(right, deadline, "")
        except TimeoutError:
            raise TimeoutError(f"{daemon.node.name} says {self.other(daemon)}, not {state} {paths}") from None
        return now()

    def warnings(self, daemon):
        return " | ".join(daemon.status()["warnings"])

    def dropped(self, daemon):
        return {reason: n for reason, n in daemon.status()["heartbeats_dropped"].items() if n}

    def when(self, daemon, of, state):
        """When that came, by the daemon's own journal, on the monotonic clock."""
        import datetime
        import time
        event = next(e for e in reversed(daemon.events()) if e["code"] == "state" and e["text"].startswith(of) and e["state"] == state)
        at = datetime.datetime.fromisoformat(event["time"]).timestamp()
        return int((at - time.time()) * 1e9) + now()

    def silence(self, node, port):
        """The switch forwards nothing to or from that node any more, and its carrier stays."""
        self.lab.switch.link_set(node.cable(port), master=0)

    def deafen(self, node, port, on):
        """The switch no longer knows where that node's MAC is, and does not flood what it has for it; broadcasts pass."""
        self.lab.switch.run("ip", "link", "set", node.cable(port), "type", "bridge_slave", "learning", on, "flood", on, "fdb_flush")

    def deafen_daemon(self, node):
        """No heartbeat reaches that node's daemon any more by any path; all else does."""
        for command in (["add", "table", "inet", "deaf"], ["add", "chain", "inet", "deaf", "in", "{ type filter hook input priority 0; }"],
                        ["add", "rule", "inet", "deaf", "in", "udp", "dport", PORT, "drop"]):
            node.run("nft", *command)

    def undeafen_daemon(self, node):
        node.run("nft", "delete", "table", "inet", "deaf")

    def unsilence(self, node, port):
        self.lab.switch.link_set(node.cable(port), master=self.lab.switch.index(f"sw{port[-1]}"))


@pytest.fixture
def cluster(make_lab):
    return lambda **options: Cluster(make_lab(), **options)


@pytest.mark.parametrize("paths", [V4, V6], ids=["ipv4", "ipv6"])
def test_two_nodes_find_each_other(cluster, paths):
    two = cluster(paths=paths, keys=KEY_A).start()
    for daemon in (two.d1, two.d2):
        wait_for(lambda daemon=daemon: all(path["last_told_ms"] for path in two.other(daemon)["paths"]), 5, "both were told")
        node = two.other(daemon)
        assert node["digest_matches"] is True and node["software"] and node["timeout_ms"] == 300, node
        assert all(path["last_heard_ms"] < 300 + SLACK_MS and path["last_told_ms"] < 400 + SLACK_MS for path in node["paths"]), node
        assert not daemon.status()["warnings"], daemon.status()["warnings"]
        assert set(two.dropped(daemon)) <= {"unproven"}, "only what was said before they knew each other"
    shown = two.d1.ctl("status").stdout
    assert "node lb2  alive" in shown and paths["direct"][1].format(2) in shown, shown


def test_over_a_bond_that_moves(cluster):
    bonds = "bonds:\n" + bond_text("bond0", addresses=(), driver="move") + \
        '    addresses: {lb1: [10.0.0.1/24], lb2: [10.0.0.2/24]}\n'
    two = cluster(paths={"lan": ("bond0", "10.0.0.{}", 24)}, bonds=bonds, address=False).start()
    since = two.lab.lb1.pull("eno1")
    wait_for(lambda: two.d1.bond()["active_port"] == "eno2", 5, "moved")
    two.wait(two.d1, "alive", {"lan": "up"})
    states = [e["state"] for e in two.d2.events() if e["object_type"] == "peer"]
    assert states == ["alive"], f"lb2 never missed it: {states}"
    assert two.wait(two.d2, "alive", {"lan": "up"}) > since


def test_a_path_that_dies_silently_is_a_warning_before_it_matters(cluster):
    two = cluster(keys=KEY_A).start()
    since = now()
    two.silence(two.lab.lb1, "eno2")
    for daemon in (two.d1, two.d2):
        two.wait(daemon, "alive", {"lan": "up", "direct": "silent"})
        assert "path direct: nothing came by it for" in two.warnings(daemon)
        took = (two.when(daemon, f"node {two.other(daemon)['name']}, path direct", "silent") - since) / MS
        assert 200 - 50 <= took <= 300 + 100 + SLACK_MS, f"{daemon.node.name}: told after {took} ms"
    two.unsilence(two.lab.lb1, "eno2")
    for daemon in (two.d1, two.d2):
        two.wait(daemon, "alive", {"lan": "up", "direct": "up"})
        assert not daemon.status()["warnings"]


def test_one_way_loss_is_known_to_both(cluster):
    two = cluster(keys=KEY_A).start()
    two.deafen(two.lab.lb2, "eno2", "off")
    two.wait(two.d1, "alive", {"lan": "up", "direct": "one-way"})
    two.wait(two.d2, "alive", {"lan": "up", "direct": "silent"})
    assert "path direct: the other node has not heard this one by it for" in two.warnings(two.d1)
    two.deafen(two.lab.lb2, "eno2", "on")
    two.wait(two.d1, "alive", {"lan": "up", "direct": "up"})
    two.wait(two.d2, "alive", {"lan": "up", "direct": "up"})


def test_no_link_here(cluster):
    two = cluster().start()
    two.lab.lb1.pull("eno2")
    two.wait(two.d1, "alive", {"lan": "up", "direct": "down"})
    two.wait(two.d2, "alive", {"lan": "up", "direct": "silent"})
    two.lab.lb1.plug("eno2")
    two.wait(two.d1, "alive", {"lan": "up", "direct": "up"})


def test_stopped_killed_and_back(cluster):
    two = cluster(keys=KEY_A).start()
    two.d1.stop()
    two.wait(two.d2, "left", {"lan": "waiting", "direct": "waiting"})
    two.d1.start()
    two.wait(two.d2, "alive", {"lan": "up", "direct": "up"})
    connected(two)
    since = two.d1.kill9()
    two.wait(two.d2, "silent", {"lan": "silent", "direct": "silent"})
    took = (two.when(two.d2, "node lb1:", "silent") - since) / MS
    assert 200 - 50 <= took <= 300 + SLACK_MS, f"taken for dead after {took} ms"
    assert "node lb1: its daemon is gone" in two.warnings(two.d2)
    two.d1.start()
    two.wait(two.d2, "alive", {"lan": "up", "direct": "up"})
    two.wait(two.d1, "alive", {"lan": "up", "direct": "up"})


def test_paused_is_silent_and_judges_nobody_by_what_it_slept_through(cluster):
    two = cluster().start()
    two.d1.pause()
    two.wait(two.d2, "silent")
    two.d1.resume()
    two.wait(two.d2, "alive", {"lan": "up", "direct": "up"})
    two.wait(two.d1, "alive", {"lan": "up", "direct": "up"})
    assert [e["state"] for e in two.d1.events() if (e["object_type"], e["code"]) == ("peer", "state")] == ["alive"]


def test_another_configuration_is_told(cluster):
    two = cluster().start()
    two.d1.write(two.config(two.d1, heartbeat="interval: 50ms"))
    assert two.d1.ctl("reload").returncode == 0
    for daemon in (two.d1, two.d2):
        wait_for(lambda daemon=daemon: "runs another configuration" in two.warnings(daemon), 5, "the difference is told")
        assert two.other(daemon)["digest_matches"] is False
    assert "another configuration" in two.d2.ctl("status").stdout
    two.d2.write(two.config(two.d2, heartbeat="interval: 50ms"))
    assert two.d2.ctl("reload").returncode == 0
    for daemon in (two.d1, two.d2):
        wait_for(lambda daemon=daemon: not daemon.status()["warnings"], 5, "and that it is over")
    assert [e["state"] for e in two.d1.events() if (e["object_type"], e["code"]) == ("peer", "state")] == ["alive"], "no reload made it miss the other"


# ---- connections

def connections(node):
    """How many that node has with other nodes: established, with the port at either end."""
    rows = [row.split() for table in ("tcp", "tcp6") for row in node.run("cat", f"/proc/net/{table}").stdout.splitlines()[1:]]
    return sum(row[3] == "01" and f"{PORT:04X}" in (row[1][-4:], row[2][-4:]) for row in rows)


def connected(two):
    for node in two.lab.nodes:
        wait_for(lambda node=node: connections(node) == len(two.paths), 10, f"{node.name} has a connection for each path")


def told_of(daemon, name):
    return [e["code"] if e["code"] != "state" else e["state"] for e in daemon.events()
            if e["object_type"] == "peer" and e["object"] == name and e["code"] in ("daemon-gone", "state")]


@pytest.mark.parametrize("paths", [V4, V6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("killed", ["lb1", "lb2"], ids=["who-connects", "who-is-connected-to"])
def test_a_killed_daemon_is_told_from_a_dead_node(cluster, paths, killed):
    two = cluster(paths=paths, keys=KEY_A, heartbeat="interval: 300ms").start()
    connected(two)
    dead, other = (two.d1, two.d2) if killed == "lb1" else (two.d2, two.d1)
    dead.kill9()
    two.wait(other, "silent")
    assert told_of(other, killed) == ["alive", "daemon-gone", "silent"], "before it is taken for dead"
    assert two.other(other)["reason_code"] == "node-daemon-gone"
    assert f"node {killed}: its daemon is gone, the node's kernel lives" in two.warnings(other)
    dead.start()
    two.wait(other, "alive")
    connected(two)
    assert "its daemon is gone" not in two.warnings(other)


def test_a_dead_node_and_a_goodbye_are_no_dead_daemon(cluster):
    two = cluster().start()
    connected(two)
    two.d1.stop()
    two.wait(two.d2, "left")
    two.d1.start()
    two.wait(two.d2, "alive")
    connected(two)
    two.lab.lb1.power_off()
    two.wait(two.d2, "silent")
    assert two.other(two.d2)["reason_code"] == "node-silent"
    assert told_of(two.d2, "lb1") == ["alive", "left", "alive", "silent"]


def test_a_stranger_is_not_connected_to(cluster):
    two = cluster().start()
    connected(two)
    two.lab.lb2.address("eno2", "10.0.0.77/24")
    for source in ("10.0.0.77", "10.0.0.1"):
        node, to = (two.lab.lb2, "10.0.0.1") if source == "10.0.0.77" else (two.lab.lb1, "10.0.0.1")
        with node.enter(), socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(10)
            s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
            s.bind((source, 0))
            s.connect((to, PORT))
            with contextlib.suppress(ConnectionResetError):
                assert s.recv(1) == b"", "it is closed, and says nothing"
    for node in two.lab.nodes:
        assert connections(node) == len(two.paths), "those of the others stay"
    assert all(told_of(daemon, name) == ["alive"] for daemon, name in ((two.d1, "lb2"), (two.d2, "lb1")))


def test_where_connections_are_refused_nothing_else_changes(cluster):
    two = cluster()
    for node in two.lab.nodes:
        for command in (["add", "table", "inet", "refusing"],
                        ["add", "chain", "inet", "refusing", "in", "{ type filter hook input priority 0; }"],
                        ["add", "rule", "inet", "refusing", "in", "tcp", "dport", PORT, "reject", "with", "tcp", "reset"]):
            node.run("nft", *command)
    two.start()
    two.d1.kill9()
    two.wait(two.d2, "silent")
    assert two.other(two.d2)["reason_code"] == "node-silent" and told_of(two.d2, "lb1") == ["alive", "silent"]
    assert "onnect" not in two.d2.log(), two.d2.log()


# ---- authentication

def test_a_key_is_changed_without_a_gap(cluster):
    two = cluster(keys=KEY_A).start()
    for keys in (KEY_A + KEY_B, KEY_B + KEY_A, KEY_B):
        for daemon in (two.d1, two.d2):
            two.write_keys(daemon, keys)
            assert daemon.ctl("reload").returncode == 0
    two.wait(two.d1, "alive", {"lan": "up", "direct": "up"})
    for daemon in (two.d1, two.d2):
        assert [e["state"] for e in daemon.events() if e["object_type"] == "peer"] == ["alive"]
        assert not {"tag-wrong", "key-unknown", "no-tag"} & set(two.dropped(daemon)), two.dropped(daemon)


def test_another_key_an_unknown_one_and_none(cluster):
    two = cluster(keys=KEY_A)
    two.write_keys(two.d2, "1: " + "b6" * 32 + "\n")
    two.d1.start()
    two.d2.start()
    wait_for(lambda: two.dropped(two.d1).get("tag-wrong", 0) > 3, 5, "another key under the same id is dropped")
    assert two.other(two.d1)["state"] == "waiting" and "have a wrong tag" in two.warnings(two.d1)
    two.write_keys(two.d2, KEY_B)
    assert two.d2.ctl("reload").returncode == 0
    wait_for(lambda: two.dropped(two.d1).get("key-unknown", 0) > 3, 5, "an unknown key is dropped")
    two.d2.write(two.config(two.d2).partition("heartbeat:")[0])
    assert two.d2.ctl("reload").returncode == 0
    wait_for(lambda: two.dropped(two.d1).get("no-tag", 0) > 3, 5, "none is dropped where one is required")
    assert two.other(two.d1)["state"] == "waiting"
    two.d1.write(two.config(two.d1, auth="permissive"))
    assert two.d1.ctl("reload").returncode == 0
    two.wait(two.d1, "alive")
    assert "were believed so far although they are not authenticated" in two.warnings(two.d1)


def test_a_key_file_that_others_may_read_is_refused(cluster):
    two = cluster(keys=KEY_A)
    two.key_path(two.d1).chmod(0o644)
    two.d1.start(ready=False)
    wait_for(lambda: not two.d1.alive, 5, "it ends")
    assert two.d1.process.returncode == 4 and "cluster.key" in two.d1.log() and "a5a5" not in two.d1.log()
    two.key_path(two.d1).chmod(0o600)
    two.start()
    two.key_path(two.d1).chmod(0o640)
    done = two.d1.ctl("reload")
    assert done.returncode == 4 and "cluster.key" in done.stderr, done
    two.wait(two.d1, "alive", {"lan": "up", "direct": "up"})


IP_IN, ALL = 0x0800, 3  # linux/if_ether.h: what comes in of IPv4; all, in and out


class LongWay:
    """Both nodes' cables of that port are no longer in a switch, but joined by a way that takes `delay_ms` in each direction."""

    def __init__(self, two, port, delay_ms):
        self.delay, self.queue, self.ends = delay_ms * MS, collections.deque(), []
        for node in two.lab.nodes:
            two.silence(node, port)
        with two.lab.switch.enter():
            for node in two.lab.nodes:
                end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(ALL))
                end.bind((node.cable(port), ALL))
                self.ends.append(end)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def take_in(self, end, other):
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, (_, _, kind, *_) = end.recvfrom(2048)
                if kind == socket.PACKET_OUTGOING:
                    continue
                if frame[12:14] == b"\x08\0" and frame[23] == socket.IPPROTO_UDP:
                    frame = frame[:40] + b"\0\0" + frame[42:]  # no UDP checksum: it was left to the NIC to make
                self.queue.append((now() + self.delay, other, frame))

    def run(self):
        while not self.stopping.is_set():
            left = (self.queue[0][0] - now()) / SECOND if self.queue else 0.05
            select.select(self.ends, [], [], min(max(left, 0), 0.05))
            self.take_in(self.ends[0], self.ends[1])
            self.take_in(self.ends[1], self.ends[0])
            while self.queue and self.queue[0][0] <= now():
                _, end, frame = self.queue.popleft()
                end.send(frame)

    def close(self):
        self.stopping.set()
        self.thread.join()
        for end in self.ends:
            end.close()


def test_a_long_way_is_no_one_way_path_and_a_warning_where_it_is_longer_than_the_detection(cluster):
    two = cluster(heartbeat="interval: 50ms").start()

    def trips(daemon):
        return {path["name"]: path["round_trip_ms"] for path in two.other(daemon)["paths"] if path["state"] == "up"}
    for daemon in (two.d1, two.d2):
        wait_for(lambda daemon=daemon: all(trips(daemon).get(path) is not None for path in two.paths), 5, "measured")
        assert not two.warnings(daemon)
    way = LongWay(two, "eno2", 200)
    for daemon in (two.d1, two.d2):
        wait_for(lambda daemon=daemon: (trips(daemon).get("direct") or 0) >= 400, 15, "the long path is up, and measured")
        wait_for(lambda daemon=daemon: "path direct: interval × lost of 150 ms is less than the round trip of 4" in two.warnings(daemon), 15,
                 "and a warning")
        wait_for(lambda daemon=daemon: "round trip 4" in daemon.ctl("status").stdout, 5, "status shows it")
    way.close()
    for node in two.lab.nodes:
        two.unsilence(node, "eno2")
    for daemon in (two.d1, two.d2):
        wait_for(lambda daemon=daemon: (trips(daemon).get("direct") or 1000) < 100 and not two.warnings(daemon), 15, "it is short again")
        told = [e["code"] for e in daemon.events() if e["code"].startswith("path-")]
        assert told and told == ["path-slow", "path-prompt"] * (len(told) // 2), told
        assert [e["state"] for e in daemon.events() if (e["object_type"], e["code"]) == ("peer", "state")] == ["alive"]


@contextlib.contextmanager
def tap(node, ifname, what=IP_IN):
    with node.enter():
        tapped = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(what))
        tapped.bind((ifname, what))
    with tapped:
        yield tapped


def heartbeats(tapped, source):
    """The frames so far that carry heartbeats of that address."""
    frames = []
    with contextlib.suppress(BlockingIOError):
        while True:
            frame = tapped.recv(2048)
            if frame[12:14] == b"\x08\0" and frame[23] == 17 and frame[26:30] == socket.inet_aton(source) \
                    and struct.unpack("!H", frame[36:38])[0] == PORT:
                frames.append(frame[:40] + b"\0\0" + frame[42:])  # no UDP checksum: it was left to the NIC to make
    return frames


def test_what_was_recorded_proves_nothing(cluster):
    """Played back at once, after the sender has gone, and after the receiver was started anew."""
    two = cluster(keys=KEY_A).start()
    with tap(two.lab.lb1, "eno2") as tapped:
        recorded = []
        wait_for(lambda: recorded.extend(heartbeats(tapped, "10.0.0.2")) or len(recorded) >= 5, 5, "some are recorded")

        def play():
            before = sum(two.dropped(two.d1).values())
            with two.lab.lb2.enter(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as player:
                player.bind(("eno2", 0))
                for frame in recorded:
                    player.send(frame)
            wait_for(lambda: sum(two.dropped(two.d1).values()) >= before + len(recorded), 5, "all of them are dropped")
        play()
        assert two.dropped(two.d1)["replayed"] >= len(recorded)
        two.d2.kill9()
        two.wait(two.d1, "silent")
        play()
        assert two.other(two.d1)["state"] == "silent", "a record brings no node back to life"
        two.d1.stop()
        two.d1.start()
        play()
        assert two.other(two.d1)["state"] == "waiting" and two.dropped(two.d1)["unproven"] >= len(recorded)
        two.d2.start()
        two.wait(two.d1, "alive", {"lan": "up", "direct": "up"})


def test_spoilt_and_foreign_datagrams_are_counted_and_change_nothing(cluster):
    two = cluster(keys=KEY_A).start()
    with tap(two.lab.lb1, "eno2") as tapped:
        frames = []
        wait_for(lambda: frames.extend(heartbeats(tapped, "10.0.0.2")) or frames, 5, "one is seen")
    good = frames[0][42:]

    def send(payload, expected, ttl=255, source="10.0.0.2"):
        before = two.dropped(two.d1).get(expected, 0)
        with two.lab.lb2.enter(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            s.bind((source, 0))
            s.sendto(payload, ("10.0.0.1", PORT))
        wait_for(lambda: two.dropped(two.d1).get(expected, 0) == before + 1, 5, f"counted as {expected}")
    send(b"hello", "foreign")
    send(b"", "foreign")
    send(os.urandom(1500), "truncated")
    send(good[:-1], "truncated")
    send(good[:20] + bytes(8) + good[28:], "range")
    send(good, "ttl", ttl=254)
    send(good[:60] + bytes([good[60] ^ 1]) + good[61:], "tag-wrong")
    send(good[:8] + b"\0\0\0\x09" + good[12:], "key-unknown")
    send(good, "tag-wrong", source="192.0.2.12")
    two.wait(two.d1, "alive", {"lan": "up", "direct": "up"})
    assert [e["state"] for e in two.d1.events() if (e["object_type"], e["code"]) == ("peer", "state")] == ["alive"]
