# SPDX-License-Identifier: GPL-2.0-or-later
"""The forms that adverts have on the wire beside RFC 9568 over multicast: the two checksums of IPv4, version 2, unicast."""
import pytest

from conftest import FORMS, PASSWORD, Pair, unicast_form, unicast_peers
from frames import Wire, advert, advert_2, checksum, dropped, frame, unicast_frame
from lab import VIP, VIP6, now, pass_time, wait_for

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


# ---- version 2 (RFC 3768) ----

ROLES = {"active": ("standbyd", "keepalived"), "backup": ("keepalived", "standbyd")}


@pytest.mark.parametrize("form", ["v2", "v2-password"])
def test_version_2_sends(pair, form):
    """TTL 255, the group, whole seconds, the plain sum over the password too."""
    two = pair(advert_ms=1000, **FORMS[form])
    sniffer = two.lab.sniff()
    sent = wait_for(lambda: sniffer.adverts(), 3)[0]
    body = sent["bytes"]
    assert sent["ttl"] == 255 and sent["destination"] == "224.0.0.18" and sent["source"] == "192.0.2.11"
    assert body[0] == 0x21 and body[5] == 1 and sent["addresses"] == [VIP] and len(body) == 20
    secret = "auth" in two.options
    assert body[4] == secret and body[12:] == (PASSWORD.encode() if secret else b"").ljust(8, b"\0")
    assert form_of(sent) == PLAIN


def test_version_2_no_password_is_none(pair):
    """A node without a password takes none that has one, and one with a password none that has none."""
    two = pair(version=2, advert_ms=1000)
    wire, before = Wire(two.lab), dropped(two.d1, "v2-auth")
    wire.send(frame(advert_2(auth_type=1, auth=PASSWORD.encode())))
    wait_for(lambda: dropped(two.d1, "v2-auth") == before + 1, 3)
    received = two.d1.vip()["counters"]["adverts_received"]
    wire.send(frame(advert_2(priority=5, auth=b"ignored!")))
    wait_for(lambda: two.d1.vip()["counters"]["adverts_received"] == received + 1, 3, "without a type the data is ignored")


# ---- unicast ----

def groups(node):
    """Whether the node has joined VRRP's groups on eno1: (IPv4, IPv6)."""
    four = node.run("cat", "/proc/net/igmp").stdout.upper()
    six = [line.split()[1:3] for line in node.run("cat", "/proc/net/igmp6").stdout.splitlines()]
    return "120000E0" in four, ["eno1", "ff020000000000000000000000000012"] in six


@pytest.mark.parametrize("form", ["unicast", "unicast6"])
def test_unicast_sends_to_each_peer_and_joins_no_group(pair, form):
    two = pair(**FORMS[form])
    own, other = unicast_peers(4 if form == "unicast" else 6)
    sniffer = two.lab.sniff(two.n2, "eno1")
    sent = wait_for(lambda: [f for f in sniffer.adverts() if f["source"] == own], 3)
    assert {(f["ttl"], f["destination"]) for f in sent} == {(255, other)}
    assert groups(two.n1) == (False, False) and groups(two.n2) == (False, False)
    assert two.d1.vip()["unicast"] == [other] and two.d2.vip()["unicast"] == [own], "its own address is left out"
    assert two.d1.vip()["active_source"] == own and two.d2.vip()["active_source"] == own


def test_unicast_with_a_low_hop_limit_is_dropped_counted_and_told(make_lab):
    """Whatever the sender is configured to be: what has passed a router, or could have, is not believed."""
    two = Pair(make_lab(ports=1), kinds=("keepalived", "standbyd"), addresses=(VIP6,), **unicast_form(6))
    two.d1.start()
    two.d2.start()
    wait_for(lambda: dropped(two.d2, "ttl") >= 3, 15)
    assert any("hop limit" in w for w in two.d2.status()["warnings"])
    two.n1.sysctl("ipv6/conf/eno1/hop_limit", 255)  # what it goes by
    two.d2.wait_state("backup")


def test_unicast_hears_its_peers_only(pair):
    two = pair(unicast="[192.0.2.11, 192.0.2.12]")
    wire, since = Wire(two.lab), now()
    for name, data in {
        "a stranger's, to us alone": unicast_frame(two.n1, advert(priority=250)),
        "a stranger's, to the group": frame(advert(priority=250)),
    }.items():
        before = dropped(two.d1, "not-peer") + dropped(two.d1, "checksum")
        wire.send(data)
        if "group" in name:
            continue  # nobody has joined it
        wait_for(lambda b=before: dropped(two.d1, "not-peer") + dropped(two.d1, "checksum") == b + 1, 3, name)
    assert dropped(two.d1, "not-peer") == 1, "the group's address in the sum of a unicast packet is understood, and the peer unknown"
    before = dropped(two.d1, "ttl")
    wire.send(unicast_frame(two.n1, advert(source="192.0.2.12"), source="192.0.2.12", ttl=254))
    wait_for(lambda: dropped(two.d1, "ttl") == before + 1, 3, "TTL 255 is still required")
    window = two.probe.window(since)
    assert window.lost == 0 and window.nodes == ["lb1"], window
    assert two.d1.state() == "active" and any("unicast peers" in w for w in two.d1.status()["warnings"])


def test_the_groups_address_in_a_unicast_sum_is_accepted_and_counted(pair):
    """Old keepalived sums so. What is sent does not follow."""
    two = pair(unicast="[192.0.2.11, 192.0.2.12]")
    wire, sniffer = Wire(two.lab), two.lab.sniff(two.n2, "eno1")
    before = two.d1.vip()["counters"]["checksum_group"]
    wire.send(unicast_frame(two.n1, advert(priority=5, source="192.0.2.12"), source="192.0.2.12"))
    wait_for(lambda: two.d1.vip()["counters"]["checksum_group"] == before + 1, 3)
    wait_form(sniffer, "192.0.2.11", PSEUDO)
    assert two.d1.state() == "active"


@pytest.mark.parametrize("role", ROLES)
def test_unicast_beside_a_keepalived_that_sums_as_it_did_of_old(pair, role):
    two = pair(kinds=ROLES[role], **unicast_form(4, "  old_unicast_chksum\n"))
    since = now()
    pass_time(2 * two.down_ms() / 1000)
    window = two.probe.window(since)
    assert window.lost == 0 and window.nodes == ["lb1"], window
    assert two.lab.overlaps(since) == 0, "each understands the other"


def test_from_multicast_to_unicast_and_back_by_reload(pair):
    """The role stays, and not a packet is lost."""
    two = pair(advert_ms=500)
    since = now()
    for unicast in ("[192.0.2.11, 192.0.2.12]", None):
        for daemon, node, priority in ((two.d1, two.n1, 200), (two.d2, two.n2, 100)):
            daemon.write(two.config(node, priority, **({"unicast": unicast} if unicast else {})))
            assert daemon.ctl("reload").returncode == 0
        wait_for(lambda u=unicast: groups(two.n1)[0] == (u is None) and groups(two.n2)[0] == (u is None), 5)
        received = two.d2.vip()["counters"]["adverts_received"]
        wait_for(lambda r=received: two.d2.vip()["counters"]["adverts_received"] >= r + 3, 5)
    window = two.probe.window(since)
    assert window.lost == 0 and window.nodes == ["lb1"], window
    assert two.d1.state() == "active" and two.d2.state() == "backup"
