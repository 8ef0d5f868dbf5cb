# SPDX-License-Identifier: GPL-2.0-or-later
"""Reload: wrong input changes nothing and says where; right input disturbs nobody else."""
import re

from conftest import Pair, allowed, bond_text, bonds_config, plain_config, slack_ms, vip_config
from lab import MS, VIP, Standbyd, now, pass_time, wait_for

VIP_2 = "192.0.2.101"


def untouched(two, since, sniffer):
    window = two.probe.window(since)
    assert window.lost == 0 and window.nodes == ["lb1"], window
    adverts = sniffer.adverts("192.0.2.11", since, vrid=51)
    gaps = [b["at"] - a["at"] for a, b in zip(adverts, adverts[1:])]
    assert gaps and max(gaps) <= (2 * two.advert_ms + slack_ms()) * MS, f"an advert was late: {max(gaps) / MS} ms"
    assert all(f["priority"] == 200 for f in adverts)


def test_a_typo_changes_nothing_and_is_found_by_file_and_line(pair):
    two = pair()
    sniffer = two.lab.sniff()
    since = now()
    good = two.d1.config
    two.d1.write(good.replace("    advert:", "    advret:"))
    done = two.d1.ctl("reload")
    assert done.returncode == 4, (done.returncode, done.stdout, done.stderr)
    line = 1 + good[:good.index("    advert:")].count("\n")
    said = done.stdout + done.stderr
    assert re.search(rf"standbyd\.yaml:{line}:\d+: error: unknown key 'advret'", said), said
    assert "did you mean 'advert'" in said
    pass_time(1)
    untouched(two, since, sniffer)
    assert two.d1.state() == "active"


def test_every_error_is_told_in_one_run(pair):
    two = pair()
    two.d1.write(two.d1.config.replace("advert: 100ms", "advert: 100").replace("priority: 200", "priority: 300"))
    done = two.d1.ctl("reload")
    assert done.returncode == 4 and len(re.findall(r": error: ", done.stdout + done.stderr)) == 2, done


def test_check_needs_no_daemon(make_lab):
    lab = make_lab(ports=1)
    daemon = Standbyd(lab.lb1, plain_config(lab.lb1))
    assert daemon.ctl("check", daemon.config_path).returncode == 0
    daemon.write("version: 1\nvips: {web: {vrid: 300}}\n")
    done = daemon.ctl("check", daemon.config_path)
    assert done.returncode == 4 and "error" in done.stdout + done.stderr
    assert daemon.ctl("status").returncode == 3, "no daemon runs"


def test_a_daemon_refuses_to_start_with_a_bad_file(make_lab):
    lab = make_lab(ports=1)
    node = lab.lb1.ready()
    before = node.addresses()
    daemon = Standbyd(node, plain_config(node).replace("vrid: 51", "vrid: 0"))
    daemon.start(ready=False)
    wait_for(lambda: not daemon.alive, 10)
    assert daemon.process.returncode == 4 and "error" in daemon.log()
    assert node.addresses() == before


def test_adding_and_removing_a_vip_disturbs_nobody(pair):
    two = pair()
    sniffer = two.lab.sniff()
    since = now()
    for node, daemon, priority in ((two.n1, two.d1, 200), (two.n2, two.d2, 100)):
        daemon.write(plain_config(node, vip_config(node, priority=priority),
                                  vip_config(node, priority=priority, name="mail", vrid=52, addresses=(VIP_2,))))
        done = daemon.ctl("reload")
        assert done.returncode == 0, done
    two.d1.wait_state("active", name="mail")
    assert two.n1.holds(VIP_2) == "eno1" and not two.n2.holds(VIP_2)
    pass_time(0.5)
    untouched(two, since, sniffer)

    since = now()
    for node, daemon, priority in ((two.n1, two.d1, 200), (two.n2, two.d2, 100)):
        daemon.write(plain_config(node, vip_config(node, priority=priority)))
        assert daemon.ctl("reload").returncode == 0
    wait_for(lambda: not two.n1.holds(VIP_2) and not two.n2.holds(VIP_2), 15, f"{VIP_2} gone from both")
    untouched(two, since, sniffer)


def test_adding_and_removing_a_bond_disturbs_nobody(make_lab):
    """A bond on another NIC, with a vip of its own."""
    two = Pair(make_lab(ports=2)).start()
    sniffer = two.lab.sniff()

    def reload(*bonds):
        since = now()
        for node, daemon, priority in ((two.n1, two.d1, 200), (two.n2, two.d2, 100)):
            own = f"198.51.100.{10 + node.number}/24"
            vips = [vip_config(node, priority=priority)] + [
                vip_config(node, on=bond, priority=priority, name="mail", vrid=52, addresses=("198.51.100.100",)) for bond in bonds]
            text = bonds_config(node, *[bond_text(bond, ports=["eno2"], addresses=[own]) for bond in bonds], vips=vips)
            daemon.write(text if bonds else plain_config(node, *vips))
            done = daemon.ctl("reload")
            assert done.returncode == 0, done
        return since
    since = reload("bond0")
    two.d1.wait_state("active", name="mail")
    assert two.n1.holds("198.51.100.100") == "eno2" and two.n1.holds("198.51.100.11") == "eno2"
    two.d2.wait_state("backup", name="mail")
    pass_time(0.5)
    untouched(two, since, sniffer)
    since = reload()
    wait_for(lambda: not two.n1.holds("198.51.100.100") and not two.n2.holds("198.51.100.100"), 15, "the bond's vip gone")
    pass_time(0.5)
    untouched(two, since, sniffer)


def test_a_higher_priority_takes_over_without_loss(pair):
    two = pair()
    two.d2.write(two.config(two.n2, 250))
    since = now()
    assert two.d2.ctl("reload").returncode == 0
    two.probe.answered_by("lb2", 10, since)
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb1", "lb2"], window


def test_a_reload_of_the_same_file_is_nothing(pair):
    two = pair()
    sniffer = two.lab.sniff()
    since = now()
    for _ in range(5):
        assert two.d1.ctl("reload").returncode == 0
    pass_time(0.5)
    untouched(two, since, sniffer)
    assert not two.n1.changes(since=since) and two.n1.holds(VIP)


def gaps_of(adverts, until=1 << 63):
    return [(b["at"] - a["at"]) / MS for a, b in zip(adverts, adverts[1:]) if b["at"] < until]


def test_reloads_in_the_middle_of_everything(make_lab):
    """Sixty vips at 10 to 100 ms; twenty reloads add, change and remove others. No advert of those that stay is later than adverts
    are without reloads, but for what the reading itself may cost; none of their addresses comes or goes."""
    lab = make_lab(names=("lb1",), ports=1)
    node = lab.lb1.ready()
    node.address("eno1", "192.0.2.11/24")
    lab.answer()
    steady = {vrid: (10, 20, 50, 100)[vrid % 4] for vrid in range(1, 61)}

    def vip(vrid, advert, address=None, **more):
        return vip_config(node, name=f"v{vrid}", vrid=vrid, advert=f"{advert}ms", addresses=(address or f"198.51.100.{vrid}",),
                          **{"priority": 200, **more})
    stays = [vip(vrid, advert) for vrid, advert in steady.items()]

    def others(i):
        """Two that stay and change, one that comes and one that goes with each reload."""
        changing = vip(101, (10, 20, 50)[i % 3], address=f"198.51.100.{101 + i % 2}", priority=100 + i % 2)
        preempting = vip(103, 100, preempt="true" if i % 2 else "false")
        return [changing, preempting, vip(110 + i, 100), vip(111 + i, 20)]
    daemon = Standbyd(node, plain_config(node, *stays, *others(0))).start()
    wait_for(lambda: all(daemon.state(f"v{vrid}") == "active" for vrid in (1, 60)) and
             all(v["state"] == "active" for v in daemon.status()["vips"]), 20, "all are active")
    sniffer = lab.sniff()
    before = now()
    pass_time(3)
    since = now()
    for i in range(1, 21):
        daemon.write(plain_config(node, *stays, *others(i)))
        assert daemon.ctl("reload").returncode == 0
    to = now()
    pass_time(0.2)
    assert to - since < 30 * 1000 * MS
    for vrid, advert in steady.items():
        quiet = gaps_of(sniffer.adverts(since=before, to=since, vrid=vrid))
        busy = gaps_of(sniffer.adverts(since=since - advert * MS, to=to + advert * MS, vrid=vrid))
        assert busy and max(busy) <= max(quiet) + advert + slack_ms(), \
            f"vrid {vrid}: {max(busy):.1f} ms between adverts of {advert} ms, without reloads {max(quiet):.1f} ms"
        assert all(f["priority"] == 200 for f in sniffer.adverts(since=since, vrid=vrid))
        assert not node.changes(ip=f"198.51.100.{vrid}", since=since)
    assert daemon.vip("v60")["counters"]["became_active"] == 1
    names = {v["name"] for v in daemon.status()["vips"] if v["state"] != "leaving"}
    assert {"v130", "v131", "v101", "v103"} <= names
    wait_for(lambda: not node.holds("198.51.100.115"), 15, "what was removed is gone")
