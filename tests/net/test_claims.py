# SPDX-License-Identifier: GPL-2.0-or-later
"""Vips shared by the claims in the nodes' heartbeats, over two paths: who holds them, and what a client loses. The rows of
"What can fail" in standbyd.yaml(5) are tests here."""
import pytest

from conftest import INTERVAL_US, allowed, slack_ms
from lab import MS, VIP, VIP6, now, pass_time, wait_for
from test_nodes import V4, V6, Cluster

INTERVAL_MS, LOST = 100, 3
DETECTION_MS = INTERVAL_MS * LOST


class Claims(Cluster):
    """lb1, the better one, and lb2 with two paths between them and one vip on the first."""

    def __init__(self, lab, addresses=(VIP,), on="eno1", vip="", vips="", gateway=False, **options):
        self.addresses, self.on, self.vip, self.vips, self.gateway = addresses, on, vip, vips, gateway
        self.n1, self.n2 = lab.nodes
        super().__init__(lab, **options)
        lab.answer()

    def config(self, daemon, heartbeat=None, auth="required", vip=None, protocol="heartbeat"):
        listed = ", ".join(f'"{a}"' for a in self.addresses)
        more = [part for part in (self.vip if vip is None else vip, protocol) if part]
        return super().config(daemon, heartbeat, auth) + (
            f"vips:\n  web: {{on: {self.on}, priority: {{lb1: 200, lb2: 100}}, addresses: [{listed}], "
            + ", ".join([f"protocol: {protocol}", *more[:-1]]) + "}\n" + self.vips)

    def start(self, holder="lb1"):
        super().start()
        self.probe = self.lab.probe(self.addresses[0], INTERVAL_US)
        self.probe.answered_by(holder, 10)
        for daemon in (self.d1, self.d2):
            daemon.wait_state("active" if daemon.node.name == holder else "backup")
        return self

    def reload(self, daemon, **options):
        daemon.write(self.config(daemon, **options))
        done = daemon.ctl("reload")
        assert done.returncode == 0, done

    def moved(self, to, since, lost=0):
        """The client is answered by that node alone, and lost no more than so many questions on the way there."""
        self.probe.answered_by(to, 10, since)
        window = self.probe.window(since)
        assert window.lost <= allowed(lost) and window.nodes[-1] == to, window
        return window

    def stays(self, node, since, seconds=1.0):
        """Nothing moves for so long, and nobody loses anything."""
        pass_time(seconds)
        window = self.probe.window(since)
        assert window.lost <= allowed() and window.nodes == [node], window


@pytest.fixture
def claims(make_lab):
    return lambda **options: Claims(make_lab(), **options)


@pytest.mark.parametrize("vip, paths", [(VIP, V4), (VIP6, V6)], ids=["ipv4", "ipv6"])
def test_better_one_holds_it_and_all_say_so(claims, vip, paths):
    two = claims(addresses=(vip,), paths=paths).start()
    for daemon in (two.d1, two.d2):
        shown = daemon.vip()
        assert shown["protocol"] == "heartbeat" and shown["active_node"] == "lb1", shown
    wait_for(lambda: two.d2.vip()["reason_code"] == "follows", 5, "lb2 follows")
    assert "lb1 holds it" in two.d2.vip()["reason"]
    assert two.n1.holds(vip) == "eno1" and not two.n2.holds(vip)
    said = two.d2.ctl("explain", "web").stdout
    assert "lb1 claims: active, can hold it, LAN good, health 255 of 255, priority 200" in said, said


def test_stop_and_return_lose_nothing(claims):
    two = claims().start()
    since = now()
    two.d1.stop()
    two.moved("lb2", since)
    since = now()
    two.d1.start()
    two.moved("lb1", since)
    two.d2.wait_state("backup")


def test_killed_node_is_replaced_after_the_detection_time(claims):
    two = claims().start()
    since = two.n1.power_off()
    two.probe.answered_by("lb2", 10, since)
    window = two.probe.window(since)
    assert window.outage_ms <= DETECTION_MS + slack_ms(), window
    assert two.d2.vip()["reason_code"] == "node-died"


def test_last_nic_of_the_holder_loses_its_link(claims):
    """The other path says so: nobody has to fall silent for it."""
    two = claims().start()
    since = two.n1.pull("eno1")
    two.probe.answered_by("lb2", 10, since)
    window = two.probe.window(since)
    assert window.outage_ms < DETECTION_MS - 2 * INTERVAL_MS + slack_ms(), window
    assert two.d1.vip()["state"] == "fault" and two.other(two.d1)["state"] == "alive"
    since = two.n1.plug("eno1")
    two.moved("lb1", since)


def test_killed_daemon_that_comes_back_in_time(claims):
    two = claims().start()
    since = now()
    two.d1.kill9()
    two.d1.start()
    two.d1.wait_state("active")
    two.stays("lb1", since)
    assert two.d1.vip()["reason_code"] == "resumed" and two.d2.vip()["counters"]["became_active"] == 0


def test_handover_drain_and_undrain_lose_nothing(claims):
    two = claims().start()
    since = now()
    done = two.d1.ctl("handover", "web")
    assert done.returncode == 0 and "held by lb2 now" in done.stdout, done
    two.moved("lb2", since)
    since = now()
    two.stays("lb2", since, 0.5)
    assert two.d1.vip()["handed_over"]
    since = now()
    assert two.d1.ctl("undrain").returncode == 0
    two.moved("lb1", since)
    since = now()
    done = two.d1.ctl("drain")
    assert done.returncode == 0 and "held by lb2 now" in done.stdout, done
    two.moved("lb2", since)
    since = now()
    assert two.d1.ctl("undrain").returncode == 0
    two.moved("lb1", since)


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["", "force"])
def test_handed_over_to_nobody(claims, force):
    two = claims().start()
    two.d2.stop()
    two.wait(two.d1, "left")
    since = now()
    done = two.d1.ctl("handover", "web", *force)
    assert done.returncode == 1 and "no other node lives that could hold web" in done.stderr, done
    two.stays("lb1", since, 0.2)


def test_dead_direct_path_moves_nothing(claims):
    two = claims().start()
    since = now()
    two.n1.pull("eno2")
    two.wait(two.d1, "alive", {"lan": "up", "direct": "down"})
    two.stays("lb1", since)
    assert "direct" in two.warnings(two.d1)


def test_silent_switch_without_probes_moves_nothing(claims):
    """Nobody can know on whose side it is: who holds the vip goes on, and both warn."""
    two = claims().start()
    two.silence(two.n1, "eno1")
    two.wait(two.d1, "alive", {"lan": "silent", "direct": "up"})
    two.wait(two.d2, "alive", {"lan": "silent", "direct": "up"})
    pass_time(1)
    assert two.d1.vip()["state"] == "active" and two.d2.vip()["state"] == "backup"
    assert "lan" in two.warnings(two.d1) and "lan" in two.warnings(two.d2)


def test_all_paths_silent_and_healed(claims):
    """Each must take the other for dead; when they hear each other again the better one keeps it."""
    two = claims().start()
    since = now()
    for port in ("eno1", "eno2"):
        two.silence(two.n1, port)
    two.d2.wait_state("active")
    assert two.d1.vip()["state"] == "active"
    two.probe.answered_by("lb2", 10, since)
    since = now()
    for port in ("eno1", "eno2"):
        two.unsilence(two.n1, port)
    two.d2.wait_state("backup")
    two.probe.answered_by("lb1", 10, since)
    assert two.d1.vip()["state"] == "active"


def test_from_vrrp_to_heartbeats_one_node_at_a_time(claims):
    """First the one that does not hold the vip: it follows a holder that still speaks VRRP; then the holder, in place."""
    two = claims(vip="vrid: 51")
    vrrp = "vrid: 51, advert: 100ms"
    for daemon in (two.d1, two.d2):
        daemon.write(two.config(daemon, vip=vrrp, protocol="vrrp"))
    two.start()
    since = now()
    two.reload(two.d2)
    two.d2.wait_state("backup")
    two.stays("lb1", since)
    assert two.d2.vip()["active_node"] == "lb1"
    two.reload(two.d1)
    two.stays("lb1", since)
    assert two.d1.vip()["protocol"] == "heartbeat" and two.d1.vip()["state"] == "active"
    since = now()
    two.d1.stop()
    two.moved("lb2", since)
    since = now()
    two.d1.start()
    two.moved("lb1", since)
