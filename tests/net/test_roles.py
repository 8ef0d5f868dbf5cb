# SPDX-License-Identifier: GPL-2.0-or-later
"""Who holds a vip by a person's word: handover, drain, undrain; beside standbyd and beside keepalived."""
import json

import pytest

from conftest import allowed, bound_ms, plain_config, slack_ms, vip_config
from lab import MS, Standbyd, now, pass_time, wait_for

PEERS = {"standbyd": ("standbyd", "standbyd"), "keepalived": ("standbyd", "keepalived")}
ADVERTS = [10, 100, 1000]


@pytest.fixture(params=PEERS)
def beside(pair, request):
    """beside(advert_ms=…): lb1 runs standbyd and is active, lb2 is the peer."""
    return lambda **options: pair(kinds=PEERS[request.param], **options)


def heard(two):
    """Lets lb1 hear the other one once: it is active while lb1 is away."""
    two.d1.stop()
    two.probe.answered_by("lb2", 10)
    two.d1.start()
    two.probe.answered_by("lb1", 15)
    two.d1.wait_state("active")
    wait_for(lambda: not two.n2.holds(), 5)
    return two


def expect_ok(done, *words):
    assert done.returncode == 0 and not done.stderr, done
    for word in words:
        assert word in done.stdout, done
    return done


@pytest.mark.parametrize("advert_ms", ADVERTS)
def test_handover_loses_nothing_and_is_not_taken_back(beside, advert_ms):
    two = heard(beside(advert_ms=advert_ms))
    since = now()
    expect_ok(two.d1.ctl("handover", "web"), "web: held by 192.0.2.12 now", "until 'standbyctl undrain'")
    two.probe.answered_by("lb2", 10, since)
    if advert_ms > 10:  # there a peer that the machine leaves without a CPU for 32 ms is dead by the protocol
        pass_time(2 * two.down_ms(200) / 1000)
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb1", "lb2"], window
    vip = two.d1.vip()
    assert vip["state"] == "backup" and vip["handed_over"] and vip["reason_code"] == "handed-over", vip
    assert "192.0.2.12" in vip["reason"] and "until" in vip["reason"] and not two.n1.holds()
    assert any("handed over" in warning for warning in two.d1.status()["warnings"])
    since = now()
    expect_ok(two.d1.ctl("undrain"))
    two.probe.answered_by("lb1", two.down_ms() / 1000 + 5, since)
    window = two.probe.window(since)
    # keepalived drops the address at our first advert: a packet that was on its way to it then is answered by nobody.
    assert window.lost <= allowed(two.kinds[1] == "keepalived"), window
    assert not two.d1.vip()["handed_over"] and not two.d1.status()["warnings"]


@pytest.mark.parametrize("advert_ms", ADVERTS)
def test_drain_loses_nothing_and_undrain_neither(beside, advert_ms):
    two = beside(advert_ms=advert_ms)
    since = now()
    expect_ok(two.d1.ctl("drain"), "web: held by 192.0.2.12 now", "lb1 is drained")
    two.probe.answered_by("lb2", 10, since)
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb1", "lb2"], window
    status = two.d1.status()
    assert status["drained"] and any("drained" in warning for warning in status["warnings"])
    assert two.d1.vip()["state"] == "init" and two.d1.vip()["reason_code"] == "drained" and not two.n1.holds()
    assert two.d1.vip()["active_source"] == "192.0.2.12"
    since = now()
    expect_ok(two.d1.ctl("undrain"), "lb1 is undrained")
    two.probe.answered_by("lb1", two.down_ms() / 1000 + 5, since)
    window = two.probe.window(since)
    assert window.lost <= allowed(two.kinds[1] == "keepalived") and window.nodes == ["lb2", "lb1"], window
    assert not two.d1.status()["drained"] and not two.d1.status()["warnings"]
    expect_ok(two.d1.ctl("undrain"), "was not drained")


def test_handed_over_until_the_other_fails(beside):
    two = heard(beside())
    expect_ok(two.d1.ctl("handover", "web"))
    since = two.n2.power_off()
    two.probe.answered_by("lb1", 5, since)
    window = two.probe.window(since)
    assert window.outage_ms <= two.down_ms(200) + slack_ms(), window
    assert two.d1.vip()["state"] == "active" and not two.d1.vip()["handed_over"]


def test_handed_back(pair):
    two = heard(pair())
    expect_ok(two.d1.ctl("handover", "web"))
    two.probe.answered_by("lb2", 5)
    two.d1.wait_state("backup")
    since = now()
    expect_ok(two.d2.ctl("handover", "web"), "held by 192.0.2.11 now")
    two.probe.answered_by("lb1", 5, since)
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb2", "lb1"], window
    assert two.d1.vip()["state"] == "active" and not two.d1.vip()["handed_over"]
    assert two.d2.vip()["reason_code"] == "handed-over"


def test_a_handover_that_nobody_takes_costs_nothing(pair):
    two = pair(advert_ms=100)
    done = two.d1.ctl("handover", "web")
    assert done.returncode == 1 and "no other node was ever heard" in done.stderr and "--force" in done.stderr, done
    assert two.d1.state() == "active"
    two.d2.stop()
    since = now()
    done = two.d1.ctl("handover", "web", "--force")
    assert done.returncode == 1 and done.stderr == "standbyctl: nobody took over web, so this node holds it again\n", done
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb1"], window
    assert two.d1.vip()["reason_code"] == "not-taken" and not two.d1.vip()["handed_over"]
    two.d2.start()
    two.d2.wait_state("backup")
    expect_ok(two.d1.ctl("handover", "--force", "web"), "held by 192.0.2.12 now")


def test_what_cannot_be_handed_over(make_lab):
    lab = make_lab(ports=1)
    node = lab.lb1.ready()
    node.address("eno1", "192.0.2.11/24")
    node.address("eno1", "192.0.2.101/24")
    daemon = Standbyd(node, plain_config(
        node, vip_config(node), vip_config(node, name="mail", vrid=52, addresses=["192.0.2.101"], priority=255),
        vip_config(node, name="far", vrid=53, on="eno9", addresses=["192.0.2.102"]))).start().wait_state("active", name="mail")
    for name, words in (("weeb", "there is no vip 'weeb'; did you mean 'web'?"), ("zzz", "there is no vip 'zzz'; there is "),
                        ("x" * 100, "there is no vip 'xxx"), ("mail", "mail has priority 255"),
                        ("far", "far is not active on this node: it is init, the interface does not exist")):
        done = daemon.ctl("handover", name, "--force")
        assert done.returncode == 1 and done.stderr.startswith("standbyctl: " + words) and not done.stdout, done
    for words in (["handover"], ["handover", "a", "b"], ["drain", "web"], ["drain", "--force"], ["undrain", "x"]):
        assert daemon.ctl(*words).returncode == 2, words
    assert daemon.state("mail") == "active" and not daemon.status()["drained"]


def test_drained_means_never(pair):
    """Even if all others are dead; and it is said."""
    two = pair(advert_ms=100)
    expect_ok(two.d1.ctl("drain"))
    two.d2.kill9()
    two.n2.address_del("eno1", "192.0.2.100", 32)
    pass_time(2 * two.down_ms(100) / 1000)
    assert two.d1.vip()["state"] == "init" and not two.n1.holds()
    wait_for(lambda: any("web: no other node is heard to hold it" in w for w in two.d1.status()["warnings"]), 5)
    assert two.d1.vip()["active_source"] is None
    status = two.d1.ctl("status").stdout
    assert "nobody is known to hold it" in status and "this node is drained" in status, status
    since = now()
    expect_ok(two.d1.ctl("undrain"))
    two.probe.answered_by("lb1", two.down_ms() / 1000 + 5, since)


def test_drain_of_the_only_node_says_that_nobody_took_over(pair):
    two = pair(advert_ms=100)
    two.d2.stop()
    done = two.d1.ctl("drain")
    assert done.returncode == 0 and done.stderr == "standbyctl: no other node was heard to take over web\n", done
    assert not two.n1.holds() and two.d1.status()["drained"]


@pytest.mark.parametrize("how", ["reload", "restart", "kill"])
def test_what_reload_and_restart_keep(pair, how):
    two = heard(pair())
    two.d1.write(two.d1.config + vip_config(two.n1, name="mail", vrid=52, addresses=["192.0.2.101"], advert="100ms"))
    assert two.d1.ctl("reload").returncode == 0
    two.d1.wait_state("active", name="mail")

    def again():
        if how == "reload":
            assert two.d1.ctl("reload").returncode == 0
            return
        if how == "kill":
            two.d1.kill9()
        else:
            two.d1.stop()
        two.d1.start()
    expect_ok(two.d1.ctl("handover", "web"))
    two.probe.answered_by("lb2", 5)
    since = now()
    again()
    pass_time(2 * two.down_ms() / 1000)
    assert two.d1.vip()["handed_over"] and two.d1.state() == "backup"
    two.d1.wait_state("active", name="mail")
    two.d1.ctl("drain")
    again()
    pass_time(2 * two.down_ms() / 1000)
    assert two.d1.status()["drained"] and {v["state"] for v in two.d1.status()["vips"]} == {"init"}
    assert two.n1.addresses().keys() == {"192.0.2.11"}
    window = two.probe.window(since)
    assert window.lost <= allowed() and window.nodes == ["lb2"], window
    orders = two.d1.rundir / "orders"
    assert orders.stat().st_mode & 0o777 == 0o600
    expect_ok(two.d1.ctl("undrain"))
    assert not orders.exists()
    two.probe.answered_by("lb1", 5)


def test_orders_of_another_boot_and_damaged_ones(pair):
    two = pair()
    expect_ok(two.d1.ctl("drain"))
    two.d1.stop()
    orders = two.d1.rundir / "orders"
    text = orders.read_text()
    line = next(line for line in text.splitlines() if line.startswith("boot "))
    orders.write_text(text.replace(line, "boot " + "0" * 32))
    two.d1.start().wait_state("active")
    assert not two.d1.status()["drained"] and "damaged" not in two.d1.log()
    two.d1.stop()
    orders.write_text(text.replace("drained", "drainec"))
    two.d1.start().wait_state("active")
    assert "the file of orders is damaged" in two.d1.log()


def test_drain_while_it_is_leaving_and_undrain_at_once(pair):
    """Orders one upon the other: each is obeyed, nothing is lost, and it ends where the last one says."""
    two = pair()
    since = now()
    for _ in range(5):
        for method in ("Drain", "Undrain", "Drain"):
            two.d1.call(method)
        two.probe.answered_by("lb2", 5)
        two.d1.call("Undrain")
        two.d1.wait_state("active")
        two.probe.answered_by("lb1", 5)
    window = two.probe.window(since)
    assert window.lost <= allowed(), window


def test_a_stop_of_a_drained_node(pair):
    two = pair()
    expect_ok(two.d1.ctl("drain"))
    since = two.d1.stop()
    assert two.d1.exit_status == 0 and now() - since < bound_ms(100, 100) * MS + slack_ms() * MS


def test_events_tell_who_asked_for_it(pair):
    two = heard(pair())
    two.d1.ctl("handover", "web")
    two.d1.ctl("drain")
    two.d1.ctl("undrain")
    events = two.d1.events()
    states = [(e["previous"], e["state"], e["reason_code"]) for e in events if e["object"] == "web"]
    assert ("active", "leaving", "handed-over") in states and ("backup", "init", "drained") in states, states
    assert [e["code"] for e in events if e["object_type"] == "node"] == ["drained", "undrained"]
    assert json.loads(two.d1.ctl("status", "--json").stdout)["drained"] is False


def returned(two):
    """lb1 was away, lb2 holds the vip, and lb1 is back and listens; since when."""
    two.d1.stop()
    two.probe.answered_by("lb2", 10)
    since = now()
    two.d1.start().wait_state("backup")
    return since


@pytest.mark.parametrize("advert_ms", [100, 1000])
def test_preempt_delay_waits_and_loses_nothing(beside, advert_ms):
    # Not 4 s: keepalived, active an advert before we hear it, announces itself once more after 5 s, in the moment of our taking.
    delay_ms = 3500 if advert_ms == 1000 else 1500
    two = beside(advert_ms=advert_ms, preempt_delay=f"{delay_ms}ms")
    since = returned(two)
    wait_for(lambda: two.d1.vip()["reason_code"] == "preempt-delay", 5)
    assert "192.0.2.12" in two.d1.vip()["reason"] and two.d1.vip()["active_source"] == "192.0.2.12"
    two.probe.answered_by("lb1", 10, since)
    window = two.probe.window(since)
    assert window.lost <= allowed(two.kinds[1] == "keepalived") and window.nodes == ["lb2", "lb1"], window
    took = (window.first("lb1") - since) / MS
    assert delay_ms <= took <= delay_ms + two.down_ms(200) + 2 * advert_ms + slack_ms(), took


@pytest.mark.parametrize("how", ["dies", "stops"])
def test_preempt_delay_is_none_while_nobody_is_active(beside, how):
    two = beside(preempt_delay="60s")
    returned(two)
    wait_for(lambda: two.d1.vip()["reason_code"] == "preempt-delay", 5)
    since = two.n2.power_off() if how == "dies" else two.d2.stop()
    two.probe.answered_by("lb1", 5, since)
    window = two.probe.window(since)
    assert window.outage_ms <= two.down_ms(200) + slack_ms(), window
