# SPDX-License-Identifier: GPL-2.0-or-later
"""What strangers put on the wire: malformed and forged adverts are dropped, counted under their reason, and move nothing."""
import pytest
from scapy.layers.l2 import ARP, Ether

from frames import LB1_6, Wire, advert, advert6, frame, frame6
from lab import MS, VIP, VIP6, link_local_of, now, pass_time, wait_for


BAD = {
    "ttl": frame(advert(), ttl=254),
    "version": frame(advert(version=4)),
    "type": frame(advert(kind=2)),
    "truncated": frame(advert(cut=4)),
    "checksum": frame(advert(damage=0x0101)),
    "vrid": frame(advert(vrid=99)),
    "count": frame(advert(addresses=(), count=0)),
    "interval": frame(advert(interval=0)),
    "own-source": frame(advert(source="192.0.2.11", priority=250), source="192.0.2.11"),
}


BAD6 = {
    "ttl": frame6(advert6(), hop_limit=254),
    "version": frame6(advert6(version=2)),
    "type": frame6(advert6(kind=2)),
    "truncated": frame6(advert6(cut=4)),
    "checksum": frame6(advert6(damage=0x0101)),
    "vrid": frame6(advert6(vrid=99)),
    "count": frame6(advert6(addresses=())),
    "interval": frame6(advert6(interval=0)),
    "first-address": frame6(advert6(addresses=(VIP6, link_local_of(51)))),
    "own-source": frame6(advert6(source=LB1_6), source=LB1_6),
}


def dropped(daemon, reason):
    return daemon.status()["dropped"][reason]


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_advert_is_dropped_and_counted_and_moves_nothing(pair, reason):
    two = pair()
    wire = Wire(two.lab)
    # By default the kernel itself drops what claims to come from one of its own addresses.
    two.n1.sysctl("ipv4/conf/eno1/accept_local", 1)
    since = now()
    count, other = dropped(two.d1, reason), {r: dropped(two.d1, r) for r in BAD if r != reason}
    for _ in range(20):
        wire.send(BAD[reason])
    wait_for(lambda: dropped(two.d1, reason) >= count + 20, 3, f"20 counted under {reason}")
    assert {r: dropped(two.d1, r) for r in other} == other, "and under no other reason"
    pass_time(0.5)
    window = two.probe.window(since)
    assert window.lost == 0 and window.nodes == ["lb1"], window
    assert two.d1.state() == "active" and two.d2.state() == "backup"


@pytest.mark.parametrize("reason", BAD6)
def test_a_bad_ipv6_advert_is_dropped_and_counted_and_moves_nothing(pair, reason):
    two = pair(addresses=(VIP6,))
    wire, since = Wire(two.lab), now()
    count, other = dropped(two.d1, reason), {r: dropped(two.d1, r) for r in BAD6 if r != reason}
    for _ in range(20):
        wire.send(BAD6[reason])
    wait_for(lambda: dropped(two.d1, reason) >= count + 20, 3, f"20 counted under {reason}")
    assert {r: dropped(two.d1, r) for r in other} == other, "and under no other reason"
    pass_time(0.5)
    window = two.probe.window(since)
    assert window.lost == 0 and window.nodes == ["lb1"], window
    assert two.d1.state() == "active" and two.d2.state() == "backup"


def test_reserved_bits_are_ignored_over_ipv6(pair):
    two = pair(addresses=(VIP6,))
    wire = Wire(two.lab)
    before = two.d1.vip()["counters"]["adverts_received"]
    wire.send(frame6(advert6(priority=5, reserved=15)))
    wait_for(lambda: two.d1.vip()["counters"]["adverts_received"] == before + 1, 3)
    assert two.d1.state() == "active" and not two.d1.vip()["counters"]["interval_differs"]


def test_a_bad_advert_does_not_keep_a_backup_quiet(pair):
    """An invalid packet never resets a timer."""
    two = pair()
    wire = Wire(two.lab)
    since = two.n1.pull()
    bad = [data for reason, data in BAD.items() if reason != "own-source"]

    def sends_until_taken():
        for data in bad:
            wire.send(data)
        return two.n2.holds()
    wait_for(sends_until_taken, two.down_ms() / 1000 + 2, "lb2 takes over while it is fed bad adverts")
    two.probe.answered_by("lb2", 5, since)


def test_a_losers_advert_is_answered_at_once_but_not_endlessly(pair):
    two = pair(advert_ms=1000)
    wire, sniffer = Wire(two.lab), two.lab.sniff()
    # The advert with which it became active counts as an answer: the first one comes an interval later at the earliest.
    pass_time(1.2)
    start = now()
    since = wait_for(lambda: sniffer.adverts("192.0.2.11", start), 5, "its next advert in turn")[0]["at"] + MS
    for _ in range(50):
        wire.send(frame(advert(priority=5, interval=100)))
        pass_time(0.01)
    ours = [(f["at"] - since) / MS for f in sniffer.adverts("192.0.2.11", since)]
    assert len(ours) == 1 and ours[0] < 500, ours
    assert sniffer.garps(VIP, since)
    assert two.d1.state() == "active"


def test_a_valid_better_advert_is_obeyed_and_survived(pair):
    """There is no authentication in VRRPv3: a better one is believed, and when it falls silent we are back."""
    two = pair()
    wire = Wire(two.lab)
    wire.send(frame(advert(priority=250)))
    wait_for(lambda: two.d1.state() in ("leaving", "backup"), 3)
    wait_for(lambda: two.d1.state() == "active", 5)
    two.probe.answered_by("lb1", 5)
    reasons = [e["reason_code"] for e in two.d1.events()]
    assert "lost-election" in reasons, reasons


def test_another_address_list_is_counted_and_never_elected_on(pair):
    two = pair()
    wire = Wire(two.lab)
    since = now()
    before = two.d1.vip()["counters"]["address_list_differs"]
    wire.send(frame(advert(priority=5, addresses=("192.0.2.150", "192.0.2.151"))))
    wait_for(lambda: two.d1.vip()["counters"]["address_list_differs"] == before + 1, 3)
    window = two.probe.window(since)
    assert window.lost == 0 and two.d1.state() == "active", window


def test_a_strangers_claim_is_counted_and_answered(pair):
    """RFC 5227, passively: who claims our address is named with its MAC, and our own claim follows."""
    two = pair()
    wire, sniffer = Wire(two.lab), two.lab.sniff()
    since = now()
    wire.send(bytes(Ether(src="02:00:00:00:66:66", dst="ff:ff:ff:ff:ff:ff") /
                    ARP(op=1, hwsrc="02:00:00:00:66:66", psrc=VIP, hwdst="00:00:00:00:00:00", pdst=VIP)))
    wait_for(lambda: any(e["code"] == "conflict" for e in two.d1.events()), 3)
    assert "02:00:00:00:66:66" in next(e["text"] for e in two.d1.events() if e["code"] == "conflict")
    wait_for(lambda: [g for g in sniffer.garps(VIP, since) if g["sha"] == two.n1.mac("eno1")], 3, "our claim")
    two.probe.answered_by("lb1", 3)
    assert two.d1.vip()["counters"]["conflicts"] >= 1
