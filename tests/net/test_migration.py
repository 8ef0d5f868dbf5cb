# SPDX-License-Identifier: GPL-2.0-or-later
"""From keepalived to standbyd by VRRP to heartbeats, one node after the other, as standbyd(8) says ("Migration from keepalived"); and
vips of both kinds in one configuration."""
import pytest

from conftest import FORMS, INTERVAL_US, PASSWORD, allowed, bound_ms, slack_ms
from lab import VIP, Keepalived, keepalived_instance, now, wait_for
from test_claims import DETECTION_MS, Claims
from test_nodes import KEY_A

ADVERT_MS = 100
OLD = "192.0.2.101"
# What keepalived speaks, the interval of its adverts, and how the vip's part of our configuration says the same.
SPOKEN = {"v3": (ADVERT_MS, ""), "v2-password": (1000, f"version: 2, auth: {{kind: pass, password: {PASSWORD}}}, ")}


class Migrated(Claims):
    """The pair of Claims, in each of the configurations that a migration goes through."""

    form = "v3"

    def vrrp(self, priority="{lb1: 200, lb2: 100}"):
        advert_ms, more = SPOKEN[self.form]
        return (f'vips:\n  web: {{on: eno1, protocol: vrrp, vrid: 51, advert: {advert_ms}ms, {more}priority: {priority}, '
                f'addresses: ["{VIP}"]}}\n')

    def alone(self, daemon, **options):
        """VRRP as keepalived has it; no node knows another."""
        return f"version: 1\nnode: {daemon.node.name}\n" + self.vrrp(**options)

    def acquainted(self, daemon):
        """Still VRRP, and the nodes know each other."""
        return self.config(daemon).partition("vips:")[0] + self.vrrp()

    def step(self, daemon, text, holder):
        """Reloads that; the client notices nothing, and is answered by `holder` in the end."""
        since = now()
        daemon.write(text)
        done = daemon.ctl("reload")
        assert done.returncode == 0, done
        self.probe.answered_by(holder, 10, since, steady_ms=4 * SPOKEN[self.form][0])
        assert self.probe.window(since).lost <= allowed()

    def keepalived(self):
        """Runs on both nodes, and lb1's holds the vip."""
        advert_ms, _ = SPOKEN[self.form]
        extra = FORMS[self.form].get("peer_extra", lambda node: "")
        old = [Keepalived(node, keepalived_instance(priority=priority, advert=advert_ms / 1000, extra=extra(node))).start()
               for node, priority in zip((self.n1, self.n2), (200, 100))]
        self.probe = self.lab.probe(VIP, INTERVAL_US)
        self.probe.answered_by("lb1", 15)
        wait_for(lambda: not self.n2.holds(), 5, "lb1's alone holds it")
        return old


@pytest.fixture
def migrated(make_lab):
    return lambda **options: Migrated(make_lab(), **options)


def to_vrrp(two):
    """Step by step as the manual has it, until standbyd runs on both nodes, and lb1 holds the vip."""
    old, begun = two.keepalived(), now()
    old[1].stop()
    two.d2.write(two.alone(two.d2, priority=250))
    two.d2.start()
    two.probe.answered_by("lb2", 15, begun)
    wait_for(lambda: not two.n1.holds(), 5, "keepalived let go")
    assert two.probe.window(begun).lost <= allowed(1), "keepalived does not wait for what is on its way when it lets go"

    since = now()
    old[0].stop()
    two.d1.write(two.alone(two.d1))
    two.d1.start()
    two.d1.wait_state("backup")
    two.probe.answered_by("lb2", 10, since, steady_ms=4 * SPOKEN[two.form][0])
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb2"], window
    two.step(two.d2, two.alone(two.d2), "lb1")
    two.d2.wait_state("backup")


def to_heartbeats(two):
    """And on until they share it by heartbeats: always the one that does not hold it first."""
    for daemon in (two.d2, two.d1):
        two.step(daemon, two.acquainted(daemon), "lb1")
    for daemon in (two.d1, two.d2):
        two.wait(daemon, "alive", {"lan": "up", "direct": "up"})
        wait_for(lambda daemon=daemon: two.other(daemon)["digest_matches"], 5, "they run the same")
        assert not daemon.status()["warnings"], daemon.status()["warnings"]
    for daemon in (two.d2, two.d1):
        two.step(daemon, two.config(daemon), "lb1")
    for daemon, state in ((two.d1, "active"), (two.d2, "backup")):
        wait_for(lambda daemon=daemon: daemon.vip()["active_node"] == "lb1", 5, "both say so")
        assert daemon.vip()["protocol"] == "heartbeat" and daemon.vip()["state"] == state
        wait_for(lambda daemon=daemon: not daemon.status()["warnings"], 5, "nothing is warned of")


@pytest.mark.parametrize("form", SPOKEN)
def test_from_keepalived_to_heartbeats(migrated, form):
    two = migrated(keys=KEY_A)
    two.form = form
    to_vrrp(two)
    to_heartbeats(two)
    for act, to in ((two.d1.stop, "lb2"), (two.d1.start, "lb1")):
        since = now()
        act()
        two.moved(to, since)


def test_from_heartbeats_back_to_vrrp(migrated):
    """The one that holds the vip first: the other follows it still."""
    two = migrated(keys=KEY_A).start()
    for daemon in (two.d1, two.d2):
        two.step(daemon, two.acquainted(daemon), "lb1")
    for daemon, state in ((two.d1, "active"), (two.d2, "backup")):
        daemon.wait_state(state)
        assert daemon.vip()["protocol"] == "vrrp"
    assert two.d2.vip()["counters"]["became_active"] == 0


# ---- both kinds in one configuration

@pytest.fixture
def mixed(make_lab):
    """The heartbeat vip of Claims, and `old` by VRRP; both are asked."""
    def make():
        two = Migrated(make_lab(), vips=f'  old: {{on: eno1, protocol: vrrp, vrid: 52, advert: {ADVERT_MS}ms, '
                                        f'priority: {{lb1: 200, lb2: 100}}, addresses: ["{OLD}"]}}\n')
        two.start()
        two.old = two.lab.probe(OLD, INTERVAL_US)
        two.old.answered_by("lb1", 10)
        two.d2.wait_state("backup", name="old")
        return two
    return make


def test_mixed_stop_and_return_lose_nothing(mixed):
    two = mixed()
    for act, to in ((two.d1.stop, "lb2"), (two.d1.start, "lb1")):
        since = now()
        act()
        two.moved(to, since)
        two.old.answered_by(to, 10, since)
        window = two.old.window(since)
        assert window.lost <= allowed(), window


def test_mixed_death_of_the_holder(mixed):
    """Each within the bound of its own protocol."""
    two = mixed()
    since = two.n1.power_off()
    for probe, bound in ((two.probe, DETECTION_MS), (two.old, bound_ms(ADVERT_MS, 100))):
        probe.answered_by("lb2", 10, since)
        window = probe.window(since)
        assert window.outage_ms <= bound + slack_ms(), window
    assert two.d2.vip()["reason_code"] == "node-died"


def test_mixed_silent_switch(mixed):
    """VRRP takes the silence for death, and there are two holders; by heartbeats the other path says that there is nothing to take."""
    two = mixed()
    two.silence(two.n1, "eno1")
    two.d2.wait_state("active", name="old")
    assert two.d1.vip("old")["state"] == "active"
    assert two.d1.vip()["state"] == "active" and two.d2.vip()["state"] == "backup"
    two.unsilence(two.n1, "eno1")
    two.d2.wait_state("backup", name="old")
    assert two.d1.vip("old")["state"] == "active" and two.d1.vip()["state"] == "active"
    assert two.d2.vip()["counters"]["became_active"] == 0
