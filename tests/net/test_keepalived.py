# SPDX-License-Identifier: GPL-2.0-or-later
"""Beside keepalived, unchanged from its package and at its defaults, in either role."""
import pytest

from conftest import allowed, slack_ms
from lab import MS, SECOND, Standbyd, now, pass_time, wait_for

ROLES = {"active": ("standbyd", "keepalived"), "backup": ("keepalived", "standbyd")}


@pytest.fixture(params=ROLES, ids=lambda role: f"standbyd-is-{role}")
def mixed(pair, request):
    return lambda **options: pair(kinds=ROLES[request.param], **options)


def settled(two, deadline=10):
    for daemon, state in ((two.d1, "active"), (two.d2, "backup")):
        if isinstance(daemon, Standbyd):
            daemon.wait_state(state, deadline)


@pytest.mark.parametrize("advert_ms", [100, 1000])
def test_one_active_at_rest(mixed, advert_ms):
    two = mixed(advert_ms=advert_ms)
    sniffer = two.lab.sniff()
    since = now()
    pass_time(2 * two.down_ms() / 1000)
    window = two.probe.window(since)
    assert window.lost == 0 and window.nodes == ["lb1"], window
    assert two.lab.overlaps(since) == 0
    assert {f["source"] for f in sniffer.adverts(since=since)} == {"192.0.2.11"}, "a backup says nothing"
    gaps = [b["at"] - a["at"] for a, b in zip(sniffer.adverts(since=since), sniffer.adverts(since=since)[1:])]
    assert gaps and max(gaps) <= (advert_ms + slack_ms()) * MS


@pytest.mark.parametrize("advert_ms", [100, 1000])
def test_cable_lost(mixed, advert_ms):
    two = mixed(advert_ms=advert_ms)
    since = two.n1.pull()
    two.probe.answered_by("lb2", two.down_ms() / 1000 + 5, since)
    window = two.probe.window(since)
    assert window.outage_ms <= two.down_ms() + slack_ms(), window
    wait_for(lambda: not two.n1.holds(), 3, "the address gone from the cut-off node")

    since = two.n1.plug()
    two.probe.answered_by("lb1", 15, since)
    settled(two)
    window = two.probe.window(since)
    if two.kinds[0] == "standbyd":
        # keepalived drops the address at our first advert: a packet that was on its way to it then is answered by nobody.
        assert window.lost <= allowed(1), f"cable back: {window}"
    else:
        assert window.outage_ms <= two.down_ms(200) + slack_ms(), f"cable back: {window}"


def test_the_active_one_is_killed(mixed):
    two = mixed()
    since = two.n1.power_off()
    two.probe.answered_by("lb2", 5, since)
    window = two.probe.window(since)
    assert window.outage_ms <= two.down_ms() + slack_ms(), window


@pytest.mark.parametrize("advert_ms", [100, 1000])
def test_our_stop_loses_nothing_beside_keepalived(pair, advert_ms):
    two = pair(kinds=ROLES["active"], advert_ms=advert_ms)
    since = two.d1.stop()
    two.probe.answered_by("lb2", 10, since)
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb1", "lb2"], f"stop: {window}"
    assert not two.n1.holds()

    since = now()
    two.d1.start()
    two.probe.answered_by("lb1", 15, since)
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb2", "lb1"], f"return: {window}"
    wait_for(lambda: not two.n2.holds(), 5)


@pytest.mark.parametrize("advert_ms", [100, 1000])
def test_its_stop_is_taken_over_after_the_skew(pair, advert_ms):
    """keepalived lets go at once; what is left to us is the skew."""
    two = pair(kinds=ROLES["backup"], advert_ms=advert_ms)
    since = two.d1.stop()
    two.probe.answered_by("lb2", 10, since)
    window = two.probe.window(since)
    assert window.outage_ms <= (256 - 100) * advert_ms / 256 + slack_ms(), window

    since = now()
    two.d1.start()
    two.probe.answered_by("lb1", 20, since)
    two.d2.wait_state("backup")
    window = two.probe.window(since)
    assert window.lost <= allowed(), f"its return: {window}"


def test_our_kill_and_restart_loses_nothing_and_changes_no_role(pair):
    two = pair(kinds=ROLES["active"], advert_ms=1000)
    since = two.d1.kill9()
    two.d1.start().wait_state("active")
    pass_time(two.down_ms() / 1000 + 0.5)
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb1"], window
    assert not two.n2.changes(since=since)


def test_killed_for_good_beside_keepalived(pair):
    two = pair(kinds=ROLES["active"], advert_ms=1000)
    since = two.d1.kill9()
    wait_for(lambda: not two.n1.holds(), 8)
    went = two.n1.changes(since=since)[-1][0]
    assert went - since <= 4.5 * SECOND + slack_ms() * MS
    two.probe.answered_by("lb2", 8)
    assert two.lab.overlaps(since) <= 1.5 * SECOND + slack_ms() * MS


def test_a_keepalived_that_died_is_outlived(pair):
    """keepalived leaves its address behind when it is killed: we hold it too, repair nothing of its, and say that another MAC
    claims it when it does."""
    two = pair(kinds=ROLES["backup"])
    since = two.d1.kill9()
    wait_for(two.n2.holds, 5)
    two.d2.wait_state("active")
    two.probe.answered_by("lb2", 5, since)
    assert two.n1.holds(), "keepalived's own address is not our business"


def test_both_checksums_are_understood(pair):
    """keepalived sends the pseudo-header form over IPv4; it is accepted and counted."""
    two = pair(kinds=ROLES["backup"])
    wait_for(lambda: two.d2.vip()["counters"]["checksum_rfc5798"] > 2, 5)
    assert two.d2.vip()["counters"]["checksum_rfc9568"] == 0

