# SPDX-License-Identifier: GPL-2.0-or-later
"""Beside keepalived, unchanged from its package and at its defaults: what test_interop.py does not ask of every peer."""

from conftest import allowed, slack_ms
from lab import MS, SECOND, pass_time, wait_for

ROLES = {"active": ("standbyd", "keepalived"), "backup": ("keepalived", "standbyd")}


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

