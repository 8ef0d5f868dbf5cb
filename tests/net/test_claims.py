# SPDX-License-Identifier: GPL-2.0-or-later
"""Vips shared by the claims in the nodes' heartbeats, over two paths: who holds them, and what a client loses. The rows of
"What can fail" in standbyd.yaml(5) are tests here."""
import pytest

from conftest import INTERVAL_US, allowed, bond_text, slack_ms
from lab import VIP, VIP6, now, pass_time, wait_for
from test_group import MAIL
from test_nodes import V4, V6, Cluster, connected
from test_probes import probe_text

INTERVAL_MS, LOST = 100, 3
DETECTION_MS = INTERVAL_MS * LOST
LEASE = 3
PROBES_MS = 50 * 3
PRIORITIES = {"lb1": 200, "lb2": 100, "lb3": 50}


class Claims(Cluster):
    """lb1, the better one, and lb2 with two paths between them and one vip on the first."""

    def __init__(self, lab, addresses=(VIP,), on="eno1", vip="", vips="", **options):
        self.addresses, self.on, self.vip, self.vips = addresses, on, vip, vips
        self.n1, self.n2 = lab.nodes[:2]
        super().__init__(lab, **options)
        lab.answer()

    def config(self, daemon, heartbeat=None, auth="required", vip=None, protocol="heartbeat"):
        listed = ", ".join(f'"{a}"' for a in self.addresses)
        priorities = ", ".join(f"{node.name}: {PRIORITIES[node.name]}" for node in self.lab.nodes)
        more = [part for part in (f"protocol: {protocol}", self.vip if vip is None else vip) if part]
        return super().config(daemon, heartbeat, auth) + (
            f"vips:\n  web: {{on: {self.on}, priority: {{{priorities}}}, addresses: [{listed}], {', '.join(more)}}}\n" + self.vips)

    def start(self, holder="lb1"):
        super().start()
        self.probe = self.lab.probe(self.addresses[0], INTERVAL_US)
        self.probe.answered_by(holder, 10)
        for daemon in self.daemons:
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

    def moved_within(self, to, since, ms):
        """The client is answered by that node alone, after so many milliseconds at most."""
        self.probe.answered_by(to, 10, since)
        window = self.probe.window(since)
        assert window.outage_ms <= ms + slack_ms() and window.nodes[-1] == to, window

    def became_active(self, daemon):
        return daemon.vip()["counters"]["became_active"]

    def drain(self, daemon, heir):
        """The node gives up the vip, which that other one then holds; nobody loses anything."""
        since = now()
        done = daemon.ctl("drain")
        assert done.returncode == 0 and f"held by {heir} now" in done.stdout, done
        self.moved(heir, since)

    def undrain(self, daemon, heir):
        since = now()
        assert daemon.ctl("undrain").returncode == 0
        self.moved(heir, since)

    def stays(self, node, since, seconds=1.0):
        """Nothing moves for so long, and nobody loses anything."""
        pass_time(seconds)
        window = self.probe.window(since)
        assert window.lost <= allowed() and window.nodes == [node], window


class Probed(Claims):
    """The vip and the first path are on a bond with one port, which asks the client by ARP whether the LAN lives."""

    def __init__(self, lab, **options):
        bonds = "bonds:\n" + bond_text(ports=("eno1",), addresses=(), probes="{" + probe_text() + "}") + \
            "    addresses: {lb1: [192.0.2.11/24], lb2: [192.0.2.12/24]}\n"
        paths = {"lan": ("bond0", "192.0.2.1{}", 24), "direct": ("eno2", "10.0.0.{}", 24)}
        for node in lab.nodes:
            node.address("eno2", f"10.0.0.{node.number}/24")
        super().__init__(lab, on="bond0", bonds=bonds, paths=paths, address=False, **options)

    def start(self, holder="lb1"):
        super().start(holder)
        for daemon in self.daemons:
            self.wait_lan(daemon, "good")
        return self

    def wait_lan(self, daemon, verdict):
        """What that node claims of its LAN."""
        wait_for(lambda: f"LAN {verdict}" in next(line for line in daemon.ctl("explain", "web").stdout.splitlines()
                                                  if f"{daemon.node.name} claims" in line), 5, f"{daemon.node.name}'s LAN is {verdict}")


@pytest.fixture
def claims(make_lab):
    return lambda **options: Claims(make_lab(), **options)


@pytest.fixture
def probed(make_lab):
    return lambda **options: Probed(make_lab(), **options)


@pytest.fixture
def three(make_lab):
    return lambda **options: Claims(make_lab(names=("lb1", "lb2", "lb3")), **options)


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
    two.undrain(two.d1, "lb1")
    two.drain(two.d1, "lb2")
    two.undrain(two.d1, "lb1")


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


# ---- the rows of "What can fail" that are not above

def test_link_of_another_nodes_lan_moves_nothing(claims):
    two = claims().start()
    since = two.n2.pull("eno1")
    two.d2.wait_state("fault")
    two.stays("lb1", since)
    assert "lan" in two.warnings(two.d1)
    two.n2.plug("eno1")
    two.d2.wait_state("backup")
    two.stays("lb1", since, 0.1)


def test_switch_without_power(claims):
    """Nobody has a link, so nobody holds it; who has one again takes it, and the better one has it in the end."""
    two = claims().start()
    for node in (two.n1, two.n2):
        node.pull("eno1")
    for daemon in (two.d1, two.d2):
        daemon.wait_state("fault")
        assert two.other(daemon)["state"] == "alive"
    wait_for(lambda: not two.n1.holds() and not two.n2.holds(), 5, "nobody holds it")
    since = now()
    for node in (two.n2, two.n1):
        node.plug("eno1")
    two.d2.wait_state("backup")
    two.moved_within("lb1", since, DETECTION_MS)


def test_lan_dead_by_probes_moves_it(probed):
    """Its link and the direct path live: the other node is told, and takes over without waiting for a silence."""
    two = probed().start()
    since = now()
    two.silence(two.n1, "eno1")
    two.moved_within("lb2", since, PROBES_MS + INTERVAL_MS)
    two.d1.wait_state("backup")
    wait_for(lambda: not two.n1.holds(), 5, "lb1 has let go")
    for daemon in two.daemons:
        two.wait(daemon, "alive", {"lan": "silent", "direct": "up"})
    assert two.d2.vip()["reason_code"] == "better-claim" and two.other(two.d2)["state"] == "alive"
    assert "192.0.2.200" in two.warnings(two.d1) and "lan" in two.warnings(two.d2)
    since = now()
    two.unsilence(two.n1, "eno1")
    two.moved("lb1", since)


def test_lan_of_another_node_dead_by_probes_moves_nothing(probed):
    two = probed().start()
    since = now()
    two.silence(two.n2, "eno1")
    two.wait_lan(two.d2, "dead")
    two.stays("lb1", since)
    assert "192.0.2.200" in two.warnings(two.d2) and "lan" in two.warnings(two.d1)


def test_lan_dead_for_all_by_probes_moves_nothing_for_long(probed):
    two = probed().start()
    changed = {daemon: two.became_active(daemon) for daemon in two.daemons}
    for node in (two.n1, two.n2):
        two.silence(node, "eno1")
    for daemon in two.daemons:
        two.wait_lan(daemon, "dead")
        two.wait(daemon, "alive", {"lan": "silent", "direct": "up"})
    two.d1.wait_state("active")
    two.d2.wait_state("backup")
    since = now()
    for node in (two.n1, two.n2):
        two.unsilence(node, "eno1")
    two.probe.answered_by("lb1", 10, since)
    for daemon in two.daemons:
        two.wait_lan(daemon, "good")
    two.stays("lb1", now(), 0.5)
    # In the moment in which one alone has lost it, or has it again, the vip may go there and back.
    assert two.became_active(two.d1) - changed[two.d1] == two.became_active(two.d2) - changed[two.d2] <= 2


def test_isolated_holder_lets_go(probed):
    """It hears nobody and reaches nobody: it would hold the vip for nobody, and stand in the way when it is back."""
    two = probed().start()
    since = now()
    for port in ("eno1", "eno2"):
        two.silence(two.n1, port)
    two.d1.wait_state("fault")
    assert two.d1.vip()["reason_code"] == "isolated" and not two.n1.holds(), two.d1.vip()
    two.moved_within("lb2", since, DETECTION_MS)
    since = now()
    for port in ("eno1", "eno2"):
        two.unsilence(two.n1, port)
    two.moved("lb1", since)


def test_silent_direct_path_moves_nothing(claims):
    two = claims().start()
    since = now()
    two.silence(two.n1, "eno2")
    for daemon in two.daemons:
        two.wait(daemon, "alive", {"lan": "up", "direct": "silent"})
        assert "direct" in two.warnings(daemon)
    two.stays("lb1", since)


def test_direct_path_dead_and_then_the_holders_link(claims):
    """Nothing is left to say it by: the silence has to."""
    two = claims().start()
    two.n1.pull("eno2")
    two.wait(two.d2, "alive", {"lan": "up", "direct": "silent"})
    since = two.n1.pull("eno1")
    two.moved_within("lb2", since, DETECTION_MS)
    assert two.d1.state() == "fault" and two.d2.vip()["reason_code"] == "node-died"


def test_dead_node_that_holds_nothing(claims):
    two = claims().start()
    since = two.n2.power_off()
    two.wait(two.d1, "silent")
    two.stays("lb1", since)
    assert "node lb2" in two.warnings(two.d1)


def test_one_way_loss_on_one_path_moves_nothing(claims):
    two = claims().start()
    since = now()
    two.deafen(two.n1, "eno2", "off")
    two.wait(two.d1, "alive", {"lan": "up", "direct": "silent"})
    two.wait(two.d2, "alive", {"lan": "up", "direct": "one-way"})
    two.stays("lb1", since)
    assert all("direct" in two.warnings(daemon) for daemon in two.daemons)


def test_deaf_holder_has_the_last_word(claims):
    """Whoever would take it could not tell the holder so: there would be two for ever. It stays where it is, with a better one deaf
    or not."""
    two = claims().start()
    since = now()
    two.deafen_daemon(two.n1)
    two.wait(two.d1, "silent")
    two.wait(two.d2, "alive", {"lan": "one-way", "direct": "one-way"})
    two.stays("lb1", since)
    assert "node lb2" in two.warnings(two.d1) and "lan" in two.warnings(two.d2) and not two.n2.holds()
    two.undeafen_daemon(two.n1)
    two.wait(two.d1, "alive")
    two.stays("lb1", since, 0.3)


def test_deaf_node_takes_it_and_keeps_it(claims):
    """It must take the other for dead. The other hears that, and leaves it to the deaf one, which cannot be told better."""
    two = claims().start()
    since = now()
    two.deafen_daemon(two.n2)
    two.d1.wait_state("backup")
    two.moved("lb2", since, lost=2)
    assert two.d2.state() == "active" and two.d1.vip()["active_node"] == "lb2"
    wait_for(lambda: not two.n1.holds(), 5, "lb1 has let go")
    since = now()
    two.stays("lb2", since, 0.5)
    since = now()
    two.undeafen_daemon(two.n2)
    two.moved("lb1", since)


def test_killed_daemon_that_stays_away(claims):
    """Nobody answers for it with its lease over; before that the client learns of the new holder."""
    two = claims().start()
    connected(two)
    since = now()
    two.d1.kill9()
    two.d2.wait_state("active")
    assert two.d2.vip()["reason_code"] == "daemon-died"
    wait_for(lambda: not two.n1.holds(), LEASE + 2, "the lease ends")
    two.moved_within("lb2", since, DETECTION_MS)


ASLEEP = pytest.mark.parametrize("seconds", [0.3, LEASE + 0.5], ids=["detection", "lease"])


def fall_asleep(two, seconds):
    since = two.d1.pause()
    two.moved_within("lb2", since, DETECTION_MS)
    pass_time(seconds)
    two.d1.resume()


@ASLEEP
def test_stopped_daemon_lets_go_before_it_speaks(claims, seconds):
    """The new holder hears nothing of a second one, which would be the better."""
    two = claims(vip="preempt: false").start()
    fall_asleep(two, seconds)
    since = now()
    two.d1.wait_state("backup")
    wait_for(lambda: not two.n1.holds(), 5, "lb1 has let go")
    two.stays("lb2", since, 0.5)
    assert "woke up" in " ".join(e["text"] for e in two.d1.events()) and two.d2.state() == "active"


@ASLEEP
def test_stopped_daemon_takes_it_back_where_it_is_better(claims, seconds):
    two = claims().start()
    fall_asleep(two, seconds)
    since = now()
    two.d2.wait_state("backup")
    two.moved("lb1", since)


# ---- groups, more nodes, and what a person asks for

def group(make_lab):
    lab = make_lab()
    lab.client.address("cli0", "198.51.100.200/24")
    two = Claims(lab, vips=f"  mail: {{on: eno2, priority: {{lb1: 200, lb2: 100}}, addresses: [{MAIL}]}}\n"
                           "groups: {edge: [web, mail]}\n")
    for node in lab.nodes:
        node.address("eno2", f"198.51.100.{10 + node.number}/24")
    two.start()
    two.mail = lab.probe(MAIL, INTERVAL_US)
    two.mail.answered_by("lb1", 10)
    return two


def test_group_moves_as_one(make_lab):
    two = group(make_lab)
    since = two.n1.pull("eno2")
    two.moved("lb2", since)
    two.mail.answered_by("lb2", 10, since)
    window = two.mail.window(since)
    assert window.outage_ms < DETECTION_MS - 2 * INTERVAL_MS + slack_ms(), window
    assert two.d1.vip()["reason_code"] == "group-member" and two.d1.vip("mail")["reason_code"] == "link-down"
    since = two.n1.plug("eno2")
    two.moved("lb1", since)
    two.mail.answered_by("lb1", 10, since)
    since = now()
    assert two.d1.ctl("handover", "mail").returncode == 0
    two.moved("lb2", since)
    two.mail.answered_by("lb2", 10, since)
    window = two.mail.window(since)
    assert window.lost <= allowed() and window.nodes[-1] == "lb2", window


def test_next_best_of_three_takes_it(three):
    all_of = three().start()
    since = now()
    assert all_of.d2.ctl("drain").returncode == 0
    all_of.stays("lb1", since, 0.3)
    assert all_of.d2.ctl("undrain").returncode == 0
    for dead, heir in zip(all_of.lab.nodes, ("lb2", "lb3")):
        since = dead.power_off()
        all_of.moved_within(heir, since, DETECTION_MS)
        holders = [node.name for node in all_of.lab.nodes if node.holds() and any(d.alive for d in node.daemons)]
        assert holders == [heir], holders


def test_drain_of_one_of_three(three):
    all_of = three().start()
    assert all_of.d2.ctl("drain").returncode == 0
    all_of.drain(all_of.d1, "lb3")
    all_of.undrain(all_of.d2, "lb2")
    assert all_of.d1.state() == "init" and all_of.daemons[2].state() == "backup"


def test_without_preemption_it_stays(claims):
    two = claims(vip="preempt: false").start()
    since = now()
    two.d1.stop()
    two.moved("lb2", since)
    since = now()
    two.d1.start().wait_state("backup")
    two.stays("lb2", since)
    assert two.d1.vip()["active_node"] == "lb2"
    since = two.n2.pull("eno1")
    two.moved_within("lb1", since, INTERVAL_MS)


def test_reexec_keeps_the_roles(claims):
    two = claims().start()
    since, before = now(), [two.became_active(daemon) for daemon in two.daemons]
    for daemon in (*two.daemons, *two.daemons):
        at = now()
        done = daemon.ctl("reexec")
        assert done.returncode == 0, done
        two.stays("lb1", at, 0.5)  # longer than it takes to be missed
    two.stays("lb1", since, 0)
    assert [daemon.state() for daemon in two.daemons] == ["active", "backup"]
    assert not two.n1.changes(since=since) and not two.n2.changes(since=since), "no address came or went"
    for daemon in two.daemons:
        assert {e["state"] for e in daemon.events() if e["object_type"] == "peer"} == {"alive"}, "the other was never missed"
    assert [two.became_active(daemon) for daemon in two.daemons] == before


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
