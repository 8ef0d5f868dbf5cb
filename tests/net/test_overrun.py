# SPDX-License-Identifier: GPL-2.0-or-later
"""Lost netlink events: a snapshot finds what was missed, at once, and it is counted."""
from conftest import IN_GUEST
from lab import MS, SECOND, VIP, now, wait_for


def test_a_vip_deleted_during_an_overrun_comes_back(pair):
    two = pair(advert_ms=1000, lease="40s")
    two.d2.stop()  # nobody else takes over meanwhile: this is about repair, not about lateness
    before = two.d1.status()["counters"]
    started = two.d1.pause()
    two.d1.overrun()
    two.n1.run("ip", "address", "del", f"{VIP}/32", "dev", "eno1")
    assert not two.n1.holds() and now() - started < 25 * SECOND
    resumed = two.d1.resume()
    wait_for(two.n1.holds, 10, "the address is back")
    back = two.n1.changes(since=resumed)[-1]
    assert back[1] and back[0] - resumed <= (2000 if IN_GUEST else 500) * MS, f"{(back[0] - resumed) / MS} ms"
    after = two.d1.status()["counters"]
    assert after["overruns"] > before["overruns"] and after["repairs"] > before["repairs"], after
    assert two.d1.state() == "active"
    assert "overrun" in [e["code"] for e in two.d1.events()]
    two.probe.answered_by("lb1", 5)
