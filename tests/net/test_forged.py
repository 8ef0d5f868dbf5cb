# SPDX-License-Identifier: GPL-2.0-or-later
"""Heartbeats that none of the nodes made, sent from the client's machine while a vip is held by claims: forged, recorded, out of
order, cut off, and by the ten thousand. They are counted, and move nothing (doc/HEARTBEAT.md, "What is believed")."""
import contextlib
import hashlib
import hmac
import itertools
import os
import signal
import socket
import struct
from pathlib import Path

import pytest

from lab import SECOND, now, pass_time, wait_for
from test_claims import Claims
from test_nodes import ALL, KEY_A, KEY_B, PORT, V4, heartbeats, tap

SECRET, FOREIGN = bytes.fromhex("a5" * 32), bytes.fromhex("c7" * 32)
LAN = {"lb1": "192.0.2.11", "lb2": "192.0.2.12"}
ACTIVE, LEAVING, GOOD = 2, 3, 1
CLAIMS_OF_ALL = {"active": ACTIVE, "leaving": LEAVING}
TAG = 32


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def item(kind, value):
    return struct.pack("!HH", kind, len(value)) + value


def sign(datagram, source, destination, secret):
    """With the last 32 bytes as its tag."""
    mapped = [bytes(10) + b"\xff\xff" + socket.inet_aton(ip) for ip in (source, destination)]
    return datagram[:-TAG] + hmac.new(secret, b"".join(mapped) + datagram[:-TAG], hashlib.sha256).digest()


class Header:
    """What is needed of a recorded datagram to make another like it."""

    def __init__(self, datagram):
        self.incarnation, self.to, self.sequence, self.digest = struct.unpack("!QQQQ", datagram[20:52])


def forge(like, sender, receiver, key=1, secret=FOREIGN, state=ACTIVE, priority=255, goodbye=False, ahead=SECOND):
    """The best that somebody can do who hears all and has no key: of the right incarnation, to the right one, newer than all."""
    entry = fnv(b"web").to_bytes(8, "big")[:6] + bytes([state | GOOD << 4 | 0x40 | 0x80, 255, priority, 0])
    items = item(1, sender.encode()) + item(2, b"lan") + item(4, struct.pack("!HHQ", 1, 0, fnv(entry[:9])) + entry)
    header = struct.pack("!4sBBHIIB3xQQQQ4x", b"SBHB", 1, goodbye, 56 + len(items) + (TAG if key else 0), key, 100000, 3,
                         like.incarnation, like.to, like.sequence + ahead, like.digest)
    if not key:
        return header + items
    return sign(header + items + bytes(TAG), LAN[sender], LAN[receiver], secret)


def heard(tapped, sender):
    """The payloads of that node's heartbeats over the LAN so far."""
    return [frame[42:14 + struct.unpack("!H", frame[16:18])[0]] for frame in heartbeats(tapped, LAN[sender])]


class Attacked(Claims):
    """The pair with a vip, and somebody on the client's machine."""

    def other_name(self, name):
        return "lb2" if name == "lb1" else "lb1"

    def record(self, sender, count=1):
        """So many datagrams of that node, as they leave it."""
        recorded = []
        with tap(self.lab.lb1 if sender == "lb1" else self.lab.lb2, "eno1", ALL) as tapped:
            wait_for(lambda: recorded.extend(heard(tapped, sender)) or len(recorded) >= count, 5, f"{count} of {sender} are recorded")
        return recorded[:count]

    def frame(self, payload, sender, receiver):
        """With the sender's address and everything as on the wire, but for the MAC, which the switch would learn."""
        node = self.lab.lb1 if receiver == "lb1" else self.lab.lb2
        udp = struct.pack("!HHHH", PORT, PORT, 8 + len(payload), 0) + payload
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0xC0, 20 + len(udp), 0, 0x4000, 255, 17, 0, socket.inet_aton(LAN[sender]),
                         socket.inet_aton(LAN[receiver]))
        total = sum(struct.unpack("!10H", ip))
        total = (total & 0xFFFF) + (total >> 16)
        ip = ip[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + ip[12:]
        return bytes.fromhex(node.mac("eno1").replace(":", "") + "020000" + "00c101" + "0800") + ip + udp

    @contextlib.contextmanager
    def injector(self):
        with self.lab.client.enter():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            s.bind(("cli0", 0))
        with s:
            yield s

    def send(self, payloads, sender, receiver):
        with self.injector() as s:
            for payload in payloads:
                s.send(self.frame(payload, sender, receiver))

    def daemon(self, name):
        return self.d1 if name == "lb1" else self.d2

    def counted(self, name, *reasons):
        """How many were dropped there for one of the reasons; without any, for all."""
        return sum(n for reason, n in self.dropped(self.daemon(name)).items() if not reasons or reason in reasons)

    def inject(self, payloads, sender, *reasons):
        """All are dropped by the other node, for these reasons."""
        receiver = self.other_name(sender)
        before = self.counted(receiver, *reasons)
        self.send(payloads, sender, receiver)
        wait_for(lambda: self.counted(receiver, *reasons) >= before + len(payloads), 10, f"all of {len(payloads)} counted as {reasons}")

    def transitions(self):
        """What ever became of nodes, paths and vips, by both daemons."""
        return [[(e["object_type"], e["text"]) for e in daemon.events() if e["code"] == "state"] for daemon in (self.d1, self.d2)]

    @contextlib.contextmanager
    def nothing_changes(self):
        before, since = self.transitions(), now()
        yield
        self.stays("lb1", since, 0.5)
        assert self.transitions() == before
        for daemon in (self.d1, self.d2):
            assert daemon.vip()["active_node"] == "lb1"
            self.wait(daemon, "alive", {"lan": "up", "direct": "up"})


@pytest.fixture
def attacked(make_lab):
    return lambda **options: Attacked(make_lab(), **{"keys": KEY_A, **options})


FORGERIES = {"no-tag": {"key": 0}, "tag-wrong": {}, "key-unknown": {"key": 7}}


@pytest.mark.parametrize("reason", FORGERIES)
def test_forged_claims_are_counted_and_move_nothing(attacked, reason):
    """To each node in the other's name: that it is active with priority 255, that it leaves, that it stops."""
    two = attacked().start()
    with two.nothing_changes():
        for sender in LAN:
            like = Header(two.record(sender)[0])
            lies = [forge(like, sender, two.other_name(sender), state=state, goodbye=goodbye, ahead=ahead, **FORGERIES[reason])
                    for state, goodbye, ahead in itertools.product(CLAIMS_OF_ALL.values(), (False, True), (1, SECOND, 1 << 62))]
            two.inject(lies, sender, reason)


def test_with_the_key_they_would(attacked):
    """So nothing but the tag keeps the forgeries of the test before from being believed."""
    two = attacked().start()
    like = Header(two.record("lb2")[0])
    two.send([forge(like, "lb2", "lb1", secret=SECRET)], "lb2", "lb1")
    two.d1.wait_state("backup")


def test_a_datagram_counts_on_its_own_way_only(attacked):
    """Made for one receiver, sent to the other; and with the tag of another path."""
    two = attacked().start()
    with two.nothing_changes():
        own = two.record("lb1", 3)
        two.inject(own, "lb2", "tag-wrong")
        like = Header(two.record("lb2")[0])
        moved = forge(like, "lb2", "lb1", secret=SECRET)
        two.inject([sign(moved, "10.0.0.2", "10.0.0.1", SECRET)], "lb2", "tag-wrong")


def test_every_cut_and_every_spoilt_byte(attacked):
    two = attacked().start()
    with two.nothing_changes():
        whole = two.record("lb2")[0]
        two.inject([whole[:n] for n in range(len(whole))], "lb2", "truncated", "foreign")
        told = [whole[:6] + struct.pack("!H", n) + whole[8:n] for n in range(56, len(whole))]
        two.inject(told, "lb2", "truncated", "nameless", "tag-wrong")
        spoilt = [whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1:] for n in range(len(whole))]
        two.inject(spoilt, "lb2", "tag-wrong", "truncated", "foreign", "nameless", "range", "key-unknown")


# ---- recorded

def test_recorded_before_the_receiver_started_anew(attacked):
    two = attacked().start()
    recorded = {sender: two.record(sender, 5) for sender in LAN}
    for daemon in (two.d2, two.d1):
        daemon.stop()
        daemon.start()
        two.probe.answered_by("lb1", 10)
        daemon.wait_state("active" if daemon is two.d1 else "backup")
    for daemon in (two.d1, two.d2):
        two.wait(daemon, "alive", {"lan": "up", "direct": "up"})
    with two.nothing_changes():
        for sender, payloads in recorded.items():
            two.inject(payloads, sender, "replayed", "unproven")


def test_recorded_goodbye_and_claims_of_before_the_sender_started_anew(attacked):
    """Among them its goodbye, which would let the other one take the vip; and when it is dead they do not make it live."""
    two = attacked().start()
    with tap(two.n1, "eno1", ALL) as tapped:
        two.d1.stop()
        recorded = heard(tapped, "lb1")
    assert any(payload[5] & 1 for payload in recorded), "the goodbye is among them"
    two.d1.start()
    two.probe.answered_by("lb1", 10)
    two.d2.wait_state("backup")
    for daemon in (two.d1, two.d2):
        two.wait(daemon, "alive", {"lan": "up", "direct": "up"})
    with two.nothing_changes():
        two.inject(recorded, "lb1", "replayed", "unproven")
    two.d1.kill9()
    two.wait(two.d2, "silent")
    two.inject(recorded, "lb1", "replayed", "unproven")
    assert two.other(two.d2)["state"] == "silent" and two.d2.vip()["active_node"] == "lb2"


def test_recorded_before_a_reboot_that_set_the_clock_back(attacked):
    """All that is recorded is of sequence numbers far above those of now."""
    two = attacked()
    ordinary, later = two.d2.command, 10**6
    two.d2.command = lambda: ["unshare", "--time", "--boottime", str(later), "--monotonic", str(later), "--fork", "--kill-child",
                              *ordinary()]
    two.start()
    recorded = two.record("lb2", 5)
    parent = two.d2.process.pid
    child = int(Path(f"/proc/{parent}/task/{parent}/children").read_text())
    two.d2.pids = lambda: [parent, child]
    two.d2.kill9()
    del two.d2.pids
    # It is not this process's child: its other threads may end after it, and have the lock until then.
    wait_for(lambda: len(list(Path("/proc").glob(f"{child}/task/*"))) < 2, 5, "the end of its threads")
    two.d2.command = ordinary
    two.d2.start()
    two.d2.wait_state("backup")
    for daemon in (two.d1, two.d2):
        two.wait(daemon, "alive", {"lan": "up", "direct": "up"})
    assert Header(recorded[0]).sequence > Header(two.record("lb2")[0]).sequence + later // 2 * SECOND
    with two.nothing_changes():
        two.inject(recorded, "lb2", "replayed", "unproven")


def test_out_of_order(attacked):
    """Only rising numbers count, and what an older one says of the vip does not."""
    two = attacked().start()
    two.silence(two.n2, "eno1")
    two.wait(two.d1, "alive", {"lan": "silent", "direct": "up"})
    recorded, since = two.record("lb2", 5), now()
    before = two.counted("lb1", "replayed")
    received = next(p["received"] for p in two.other(two.d1)["paths"] if p["name"] == "lan")
    two.send([recorded[i] for i in (3, 0, 4, 1, 2)], "lb2", "lb1")
    wait_for(lambda: two.counted("lb1", "replayed") >= before + 3, 5, "three are older than what came before them")
    lan = next(p for p in two.other(two.d1)["paths"] if p["name"] == "lan")
    assert two.counted("lb1", "replayed") == before + 3 and lan["received"] == received + 2, lan
    two.stays("lb1", since, 0.5)


# ---- by the ten thousand

def test_a_flood_makes_no_path_silent(attacked):
    """To both nodes in each other's name, from a machine that does nothing else, for as long as five detection times."""
    two = attacked().start()
    forged = {s: forge(Header(two.record(s)[0]), s, two.other_name(s)) for s in LAN}
    frames = [two.frame(payload, s, two.other_name(s)) for s, payload in forged.items()] * 100
    before, sent, end = [two.counted(name, "tag-wrong") for name in LAN], 0, now() + 1500 * 10**6
    with two.nothing_changes(), two.injector() as s:
        while now() < end:
            for frame in frames:
                s.send(frame)
            sent += len(frames)
    counted = sum(two.counted(name, "tag-wrong") for name in LAN) - sum(before)
    print(f"{sent} sent, {counted} read")
    assert sent > 3000 and counted > sent / 10, f"{sent} sent, {counted} counted"


def test_a_flood_of_records_keeps_no_start_from_being_known(attacked):
    """Of both nodes' earlier starts, while both start anew, by the only path: they find each other before one takes the other for dead."""
    two = attacked(paths={"lan": V4["lan"]}, heartbeat="interval: 200ms, lost: 5").start()
    recorded = {sender: two.record(sender, 3) for sender in LAN}
    for daemon in (two.d2, two.d1):
        daemon.stop()
    frames = [two.frame(payload, s, two.other_name(s)) for s, payloads in recorded.items() for payload in payloads]
    with two.injector() as s:
        player = os.fork()
        if not player:
            with contextlib.suppress(BaseException):
                end = now() + 20 * SECOND
                while now() < end:
                    s.send(frames[0])
                    frames.append(frames.pop(0))
            os._exit(0)
    try:
        for daemon in (two.d1, two.d2):
            daemon.start()
        for daemon, state in ((two.d1, "active"), (two.d2, "backup")):
            two.wait(daemon, "alive", {"lan": "up"})
            daemon.wait_state(state)
            assert two.counted(daemon.node.name, "unproven") > 100, "it was flooded meanwhile"
    finally:
        os.kill(player, signal.SIGKILL)
        os.waitpid(player, 0)
    assert two.d2.vip()["counters"]["became_active"] == 0


# ---- keys

def test_keys_are_changed_while_a_vip_is_held(attacked):
    two = attacked().start()
    with two.nothing_changes():
        since = now()
        for keys in (KEY_A + KEY_B, KEY_B + KEY_A, KEY_B):
            for daemon in (two.d1, two.d2):
                two.write_keys(daemon, keys)
                done = daemon.ctl("reload")
                assert done.returncode == 0, done
        pass_time(0.5)
        two.stays("lb1", since, 0)
    for name in LAN:
        assert not two.counted(name, "tag-wrong", "key-unknown", "no-tag"), two.dropped(two.daemon(name))
    like = Header(two.record("lb2")[0])
    two.inject([forge(like, "lb2", "lb1", secret=SECRET)], "lb2", "key-unknown")
    since = now()
    two.d1.stop()
    two.moved("lb2", since)
