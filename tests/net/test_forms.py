# SPDX-License-Identifier: GPL-2.0-or-later
"""The forms that adverts have on the wire beside RFC 9568 over multicast: the two checksums of IPv4."""
import pytest

from lab import VIP, now, wait_for
from test_packets import Wire, advert, checksum, frame

PLAIN, PSEUDO = "rfc9568", "rfc5798"


def form_of(captured):
    """Which checksum an advert has."""
    body, zeroed = captured["bytes"], captured["bytes"][:6] + b"\0\0" + captured["bytes"][8:]
    if checksum(zeroed) == int.from_bytes(body[6:8], "big"):
        return PLAIN
    addresses = b"".join(bytes(map(int, captured[end].split("."))) for end in ("source", "destination"))
    pseudo = addresses + b"\0\x70" + len(body).to_bytes(2, "big")
    return PSEUDO if checksum(pseudo + zeroed) == int.from_bytes(body[6:8], "big") else None


def forms(sniffer, source, since):
    return {form_of(f) for f in sniffer.adverts(source, since)}


def wait_form(sniffer, source, form, deadline=3):
    since = now()
    wait_for(lambda: form in forms(sniffer, source, since), deadline, f"adverts with the {form} sum from {source}")
    since = now()
    wait_for(lambda: len(sniffer.adverts(source, since)) >= 3, deadline)
    assert forms(sniffer, source, since) == {form}


def strict_advert(**options):
    """From a node that sums as RFC 9568 says."""
    message = advert(**options)
    message = message[:6] + b"\0\0" + message[8:]
    return message[:6] + checksum(message).to_bytes(2, "big") + message[8:]


def test_auto_follows_what_is_heard_and_remembers_it(pair):
    two = pair(advert_ms=500)
    wire, sniffer = Wire(two.lab), two.lab.sniff()
    wait_form(sniffer, "192.0.2.11", PSEUDO)
    wire.send(frame(strict_advert(priority=5)))
    wait_form(sniffer, "192.0.2.11", PLAIN)
    assert two.d1.vip()["checksum"] == PLAIN and two.d1.vip()["counters"]["checksum_rfc9568"] == 1
    wait_for(lambda: two.d2.vip()["checksum"] == PLAIN, 3, "the backup hears it too")
    assert any(e["code"] == "checksum" for e in two.d1.events())

    two.d1.kill9()
    since = now()
    two.d1.start().wait_state("active")
    assert two.d1.vip()["reason_code"] == "resumed"
    wait_for(lambda: len(sniffer.adverts("192.0.2.11", since)) >= 3, 5)
    assert forms(sniffer, "192.0.2.11", since) == {PLAIN}, "from the first advert after the restart on"

    wire.send(frame(advert(priority=5)))
    wait_form(sniffer, "192.0.2.11", PSEUDO)


@pytest.mark.parametrize("form", [PLAIN, PSEUDO])
def test_a_form_that_is_told_stays(pair, form):
    two = pair(checksum=form)
    wire, sniffer = Wire(two.lab), two.lab.sniff()
    wait_form(sniffer, "192.0.2.11", form)
    for message in (strict_advert(priority=5), advert(priority=5)):
        before = two.d1.vip()["counters"]["adverts_received"]
        wire.send(frame(message))
        wait_for(lambda b=before: two.d1.vip()["counters"]["adverts_received"] > b, 3)
    wait_form(sniffer, "192.0.2.11", form)
    counters = two.d1.vip()["counters"]
    assert counters["checksum_rfc9568"] >= 1 and counters["checksum_rfc5798"] >= 1, "both are accepted, each is counted"
    assert two.d1.state() == "active" and two.n1.holds(VIP)
