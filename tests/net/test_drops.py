# SPDX-License-Identifier: GPL-2.0-or-later
"""Every reason to drop an advert: it is counted under its own and no other, and nothing else changes: no role, no event, and no
timer of a backup."""
import pytest

from conftest import FORMS, PASSWORD, slack_ms
from frames import STRANGER, STRANGER6, Wire, advert, advert6, advert_2, dropped, frame, frame6, unicast_frame
from lab import VIP6, link_local_of, now, wait_for

SIGNED = {"auth_type": 1, "auth": PASSWORD.encode()}


def own(node):
    return f"192.0.2.{10 + node.number}"


def own6(node):
    return f"fe80::ff:fe00:{node.number}01"


def unicast6(node, message, source=STRANGER6):
    return frame6(message, source=source, destination=f"2001:db8::{10 + node.number}", mac=node.mac("eno1"))


# Form → reason → the frame, as it is for one of the nodes.
BAD = {
    "v3": {
        "ttl": lambda node: frame(advert(), ttl=254),
        "version": lambda node: frame(advert(version=4)),
        "type": lambda node: frame(advert(kind=2)),
        "truncated": lambda node: frame(advert(cut=4)),
        "checksum": lambda node: frame(advert(damage=0x0101)),
        "vrid": lambda node: frame(advert(vrid=99)),
        "count": lambda node: frame(advert(addresses=(), count=0)),
        "interval": lambda node: frame(advert(interval=0)),
        "own-source": lambda node: frame(advert(source=own(node)), source=own(node)),
        "destination": lambda node: frame(advert(destination="192.0.2.255"), destination="192.0.2.255"),
    },
    "ipv6": {
        "ttl": lambda node: frame6(advert6(), hop_limit=254),
        "version": lambda node: frame6(advert6(version=2)),
        "type": lambda node: frame6(advert6(kind=2)),
        "truncated": lambda node: frame6(advert6(cut=4)),
        "checksum": lambda node: frame6(advert6(damage=0x0101)),
        "vrid": lambda node: frame6(advert6(vrid=99)),
        "count": lambda node: frame6(advert6(addresses=())),
        "interval": lambda node: frame6(advert6(interval=0)),
        "first-address": lambda node: frame6(advert6(addresses=(VIP6, link_local_of(51)))),
        "own-source": lambda node: frame6(advert6(source=own6(node)), source=own6(node)),
        "destination": lambda node: frame6(advert6(destination="ff02::1"), destination="ff02::1", mac="33:33:00:00:00:01"),
    },
    "v2-password": {
        "v2-interval": lambda node: frame(advert_2(interval=2, **SIGNED)),
        "v2-auth": lambda node: frame(advert_2(auth_type=1, auth=b"other")),
        "version": lambda node: frame(advert(interval=100)),
        "interval": lambda node: frame(advert_2(interval=0, **SIGNED)),
        "truncated": lambda node: frame(advert_2(**SIGNED)[:-8]),
        "ttl": lambda node: frame(advert_2(**SIGNED), ttl=254),
    },
    "unicast": {"not-peer": lambda node: unicast_frame(node, advert(source=STRANGER, destination=own(node)), destination=own(node))},
    "unicast6": {"not-peer": lambda node: unicast6(node, advert6(destination=f"2001:db8::{10 + node.number}"))},
}
# Where it tells of two nodes that do not agree, and so may both be active.
WARNED = ("ttl", "version", "v2-interval", "v2-auth", "not-peer", "first-address")


def facts(daemon):
    """Whatever a dropped advert must not change."""
    status, vip = daemon.status(), daemon.vip()
    told = {key: vip[key] for key in ("state", "reason_code", "holding", "active_source", "effective_priority", "checksum")}
    running = ("adverts_sent", "adverts_received", "late_max_ms", "checksum_rfc9568", "checksum_rfc5798")
    counted = {key: n for key, n in vip["counters"].items() if key not in running}
    return told, counted, len(daemon.events()), status["dropped"]


@pytest.mark.parametrize("form, reason", [(form, reason) for form, bad in BAD.items() for reason in bad])
def test_dropped(pair, form, reason):
    two = pair(advert_ms=1000 if form == "v2-password" else 100, **FORMS[form])
    wire, make, since = Wire(two.lab), BAD[form][reason], now()
    # By default the kernel itself drops what claims to come from one of its own addresses.
    for node in (two.n1, two.n2):
        node.sysctl("ipv4/conf/eno1/accept_local", 1)
    # What is lb1's own is from the active one for lb2; what goes to one node is not heard by the other.
    hearers = [two.d1] if reason in ("own-source", "not-peer") else [two.d1, two.d2]
    before = [facts(daemon) for daemon in hearers]
    received = two.d1.vip()["counters"]["adverts_received"]
    for _ in range(20):
        wire.send(make(two.n1))
    for daemon, (told, counted, events, drops) in zip(hearers, before):
        wait_for(lambda d=daemon, n=drops[reason] + 20: dropped(d, reason) >= n, 3, f"20 counted under {reason}")
        assert facts(daemon) == (told, counted, events, {**drops, reason: drops[reason] + 20})
        assert any("adverts were dropped" in warning for warning in daemon.status()["warnings"]) == (reason in WARNED)
    assert two.d1.vip()["counters"]["adverts_received"] == received
    two.probe.answered_by("lb1", 3, since)
    window = two.probe.window(since)
    assert window.lost == 0 and window.nodes == ["lb1"], window
    if form == "v2-password":
        return  # the story vip-v2 shows the same in no time

    since = two.n1.pull()

    def sends_until_taken():
        wire.send(make(two.n2))
        return two.holds(two.n2)
    wait_for(sends_until_taken, two.down_ms() / 1000 + 2, "lb2 takes over while it is fed what it drops")
    two.probe.answered_by("lb2", 5, since)
    window = two.probe.window(since)
    assert window.outage_ms <= two.down_ms() + slack_ms(), window
