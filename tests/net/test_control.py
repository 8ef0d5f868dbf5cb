# SPDX-License-Identifier: GPL-2.0-or-later
"""The control socket and standbyctl: what they say, whom they obey, and that no client can harm the daemon."""
import contextlib
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from conftest import bound_ms, plain_config, slack_ms, vip_config
from lab import MS, VIP, Standbyd, binary, now, wait_for

ROOT = Path(__file__).resolve().parents[2]
ADVERT_MS = 100
MOVING = "bonds:\n  bond0: {{driver: move, ports: [eno1, eno2], hold: {}, addresses: [192.0.2.11/24]}}\n"


class Client:
    """A Varlink client that may misbehave."""

    def __init__(self, daemon):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(15)
        self.socket.connect(str(daemon.rundir / "io.standbyd"))
        self.bytes = b""

    def send(self, message):
        self.socket.sendall(json.dumps(message).encode() + b"\0")
        return self

    def call(self, method, parameters=None, **more):
        return self.send({"method": method, **({"parameters": parameters} if parameters is not None else {}), **more}).reply()

    def reply(self):
        """The next message; None when the daemon has closed."""
        while b"\0" not in self.bytes:
            try:
                part = self.socket.recv(1 << 16)
            except ConnectionResetError:
                part = b""
            if not part:
                return None
            self.bytes += part
        message, self.bytes = self.bytes.split(b"\0", 1)
        return json.loads(message)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


@pytest.fixture
def daemon(make_lab):
    """A daemon alone on its wire, active."""
    lab = make_lab(ports=1)
    node = lab.lb1.ready()
    node.address("eno1", "192.0.2.11/24")
    return Standbyd(node, plain_config(node, advert=f"{ADVERT_MS}ms")).start().wait_state("active")


def copied(daemon, name):
    """The binary where everybody may enter, which a build tree is not always."""
    copy = daemon.lab.directory / name
    if not copy.exists():
        shutil.copy(binary(name), copy)
        copy.chmod(0o755)
    return str(copy)


def as_nobody(daemon, words):
    """Runs standbyctl as a user without rights, for whom the socket's permissions have been opened."""
    return subprocess.run([copied(daemon, "standbyctl"), "-r", str(daemon.rundir), *words], capture_output=True, text=True, cwd="/",
                          user=65534, group=65534, extra_groups=[])


def in_user_namespace():
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]


def test_introspection(daemon):
    with Client(daemon) as client:
        info = client.call("org.varlink.service.GetInfo")["parameters"]
        assert info["product"] == "standbyd" and "io.standbyd" in info["interfaces"]
        text = client.call("org.varlink.service.GetInterfaceDescription", {"interface": "io.standbyd"})["parameters"]["description"]
        assert text == (ROOT / "doc/io.standbyd.varlink").read_text()
        assert "interface org.varlink.service" in client.call(
            "org.varlink.service.GetInterfaceDescription", {"interface": "org.varlink.service"})["parameters"]["description"]


def test_status_has_what_the_description_says(daemon):
    """Every field of a reply is described, and every described field is there."""
    text = (ROOT / "doc/io.standbyd.varlink").read_text()

    def fields(name):
        body = re.search(rf"^(?:type {name} \(|method {name}\([^)]*\) -> \()\n?(.*?)\n?\)$", text, re.S | re.M).group(1)
        return {line.split(":")[0].strip() for line in body.splitlines()}

    def fits(item, name):
        assert set(item) == fields(name), name
    daemon.write(daemon.config.replace("vips:", MOVING.format("0s").replace("eno", "eth") + "vips:")
                 .replace("    vrid: 51\n", "    vrid: 51\n    lower: {bond0: 1}\n"))
    assert daemon.ctl("reload").returncode == 0
    status = daemon.status()
    assert status["schema"] == 1
    fits(status, "Status")
    fits(status["bonds"][0], "Bond")
    fits(status["bonds"][0]["ports"][0], "Port")
    fits(status["vips"][0], "Vip")
    fits(status["vips"][0]["counters"], "Counters")
    fits(status["vips"][0]["tracks"][0], "Track")
    fits(daemon.events()[0], "Event")
    fits(daemon.call("Diff"), "Diff")
    fits(daemon.call("Switch", bond="bond0"), "Switch")
    assert daemon.call("Drain") == {} and daemon.call("Undrain") == {}


def test_errors_are_varlinks(daemon):
    with Client(daemon) as client:
        error = client.call("io.standbyd.Nothing")
        assert error == {"error": "org.varlink.service.MethodNotFound", "parameters": {"method": "io.standbyd.Nothing"}}
        error = client.call("com.example.Nothing")
        assert error["error"] == "org.varlink.service.InterfaceNotFound" and error["parameters"]["interface"] == "com.example"
        error = client.call("org.varlink.service.GetInterfaceDescription", {"interface": "com.example"})
        assert error["error"] == "org.varlink.service.InterfaceNotFound"
        error = client.call("org.varlink.service.GetInterfaceDescription", {})
        assert error == {"error": "org.varlink.service.InvalidParameter", "parameters": {"parameter": "interface"}}
        error = client.call("io.standbyd.Events", {"follow": 1}, more=True)
        assert error["error"] == "org.varlink.service.InvalidParameter"
        assert client.call("io.standbyd.Events", {})["error"] == "org.varlink.service.ExpectedMore"
        assert client.call("io.standbyd.Status")["parameters"]["schema"] == 1, "the connection lives on"


def test_oneway_calls_have_no_answer_and_calls_may_be_queued(daemon):
    with Client(daemon) as client:
        for i in range(20):
            client.send({"method": "io.standbyd.Status", "oneway": True})
            client.send({"method": f"io.standbyd.N{i}"})
        for i in range(20):
            assert client.reply()["parameters"]["method"] == f"io.standbyd.N{i}"


@pytest.mark.parametrize("bytes_", [b"\0", b"{}\0", b"[]\0", b"\xff\xfe\0", b'{"method": 1}\0', b'{"method": "a.b", "parameters": []}\0',
                                    b"GET / HTTP/1.1\r\n\r\n\0", b'{"method":' + b"[" * 30000 + b"\0", b"{" * 65536 + b"\0"],
                         ids=lambda b: repr(b[:24]))
def test_what_is_no_call_is_cut_off(daemon, bytes_):
    with Client(daemon) as client:
        client.socket.sendall(bytes_)
        assert client.reply() is None
    assert daemon.state() == "active"
    wait_for(lambda: "cut off" in daemon.log(), 5)


def test_a_request_without_end_is_cut_off_at_its_limit(daemon):
    with Client(daemon) as client:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(100):
                client.socket.sendall(b" " * 65536)
    wait_for(lambda: "exceeded a limit" in daemon.log(), 5, "it is said")
    assert daemon.state() == "active"


def test_a_client_that_ends_its_side_still_gets_its_answer(daemon):
    with Client(daemon) as client:
        client.send({"method": "io.standbyd.Status"})
        client.socket.shutdown(socket.SHUT_WR)
        assert client.reply()["parameters"]["schema"] == 1
        assert client.reply() is None


def test_too_many_clients(daemon):
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(daemon)) for _ in range(32)]
        for client in clients:
            assert client.call("io.standbyd.Status")["parameters"]
        assert Client(daemon).reply() is None
        assert clients[0].call("io.standbyd.Status")["parameters"]
    wait_for(lambda: daemon.ctl("status").returncode == 0, 5)


def rss_kb(daemon):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{daemon.process.pid}/status").read_text()).group(1))


def test_a_flood_of_requests_delays_no_advert(daemon):
    before = daemon.vip()["counters"]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(daemon)) for _ in range(30)]
        request = json.dumps({"method": "io.standbyd.Status"}).encode() + b"\0"
        got, end = 0, now() + 2_000_000_000
        for client in clients:
            client.socket.setblocking(False)
        while now() < end:
            readable, writable, _ = select.select(clients_of := [c.socket for c in clients], clients_of, [], 1)
            for s in writable:
                with contextlib.suppress(BlockingIOError):
                    s.send(request)
            for s in readable:
                got += s.recv(1 << 20).count(b"\0")
    assert got > 30, "the flood was served"
    after = daemon.vip()["counters"]
    assert after["adverts_sent"] - before["adverts_sent"] >= 2000 // ADVERT_MS * 0.8
    assert after["late_max_ms"] < slack_ms(), after["late_max_ms"]


def test_a_reader_that_never_reads_costs_little_and_nobody_else(daemon):
    request = json.dumps({"method": "io.standbyd.Status"}).encode() + b"\0"
    with contextlib.ExitStack() as stack:
        before = rss_kb(daemon)
        for _ in range(20):
            client = stack.enter_context(Client(daemon))
            client.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                for _ in range(100_000):
                    client.socket.send(request)
        assert daemon.state() == "active"
        assert rss_kb(daemon) - before < 30_000


def test_follow_tells_what_happens(daemon):
    with Client(daemon) as client:
        client.send({"method": "io.standbyd.Events", "parameters": {"follow": True}, "more": True})
        seen = [client.reply() for _ in daemon.events()]
        assert all(message["continues"] for message in seen)
        daemon.node.pull("eno1")
        message = client.reply()
        while message["parameters"]["event"]["state"] != "fault":
            message = client.reply()
        event = message["parameters"]["event"]
        assert (event["object_type"], event["object"], event["code"], event["previous"]) == ("vip", "web", "state", "active")
        assert event["reason_code"] == "link-down" and event["text"].startswith("web: active → fault: ")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", event["time"])
    numbers = [e["seq"] for e in daemon.events()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_events_for_people_and_programs(daemon):
    people, programs = daemon.ctl("events"), daemon.ctl("events", "--json")
    assert people.returncode == programs.returncode == 0
    lines = [json.loads(line) for line in programs.stdout.splitlines()]
    assert [f"{e['time']}  {e['text']}" for e in lines] == people.stdout.splitlines()
    last = lines[-1]
    assert last["state"] == "active" and last["away_ms"] is None, "nobody held it before"
    follower = subprocess.Popen([binary("standbyctl"), "-r", str(daemon.rundir), "events", "-f"], stdout=subprocess.PIPE, text=True)
    try:
        assert [follower.stdout.readline().rstrip("\n") for _ in lines] == people.stdout.splitlines()
        daemon.node.pull("eno1")
        assert "active → fault" in follower.stdout.readline()
        daemon.stop()
        assert follower.wait(10) == 1, "the daemon is gone"
    finally:
        follower.kill()
        follower.wait()
        follower.stdout.close()


def test_status_for_people(daemon):
    done = daemon.ctl("status")
    assert done.returncode == 0 and not done.stderr
    assert re.search(r"^node lb1 ", done.stdout, re.M)
    assert re.search(r"^vip web  active on eno1 for .*: heard nobody for ", done.stdout, re.M)
    assert re.search(r"^    192\.0\.2\.100  held here by lb1  vrrp vrid 51, priority 100$", done.stdout, re.M)
    assert "\033" not in done.stdout, "colour is for terminals"
    assert json.loads(daemon.ctl("status", "--json").stdout)["vips"][0]["name"] == "web"


def test_status_of_a_bond_and_of_many_addresses(make_lab):
    node = make_lab(ports=2).lb1.ready()
    long = [f"2001:db8:1111:2222:3333:4444:5555:{i}" for i in range(6001, 6004)]
    vips = vip_config(node, on="bond0", advert=f"{ADVERT_MS}ms") + \
        vip_config(node, on="bond0", advert=f"{ADVERT_MS}ms", name="mail", vrid=52, addresses=["192.0.2.101", *long])
    daemon = Standbyd(node, plain_config(node, vips).replace("vips:", MOVING.format("0s") + "vips:")).start().wait_state("active")
    daemon.wait_state("active", name="mail")
    wait_for(lambda: daemon.bond()["state"] == "up", 10)
    lines = daemon.ctl("status").stdout.splitlines()
    assert "    192.0.2.11/24  driver move" in lines
    assert any(re.fullmatch(r"  ▶ eno1  active  for .*: carries the traffic", line) for line in lines), lines
    assert any(re.fullmatch(r"    eno2  standby for .*: healthy, ready to take over", line) for line in lines), lines
    mail = lines[next(i for i, line in enumerate(lines) if line.startswith("vip mail")) + 1:]
    assert len(mail) >= 2 and all(line.startswith("    ") and len(line) < 100 for line in mail), mail
    words = " ".join(mail).split()
    assert words[:4] == ["192.0.2.101", *long] and words[4:8] == ["held", "here", "by", "lb1"], words


def test_a_refusal_has_the_kernels_own_words(make_lab):
    node = make_lab(ports=2).lb1.ready()
    node.sysctl("ipv6/conf/eno1/disable_ipv6", 1)
    said = node.run("ip", "address", "add", "2001:db8::1/64", "dev", "eno1", check=False).stderr
    words = re.match(r"Error: (.*)\.$", said, re.M)
    text = plain_config(node, vip_config(node, on="bond0")).replace("vips:", MOVING.format("0s") + "vips:")
    daemon = Standbyd(node, text.replace("192.0.2.11/24", '"2001:db8::11/64"')).start()
    refused = wait_for(lambda: next((e["text"] for e in daemon.events() if e["code"] == "refused"), None), 10)
    # A kernel that has no words for it has only the errno.
    assert refused == "bond0: the kernel refused to add address 2001:db8::11: Permission denied (EACCES)" + (
        f"; it says: {words.group(1)}" if words else ""), said
    assert refused in daemon.log()


@pytest.fixture
def moving(make_lab):
    """A daemon alone, with a bond of two ports between which the addresses move."""
    node = make_lab(ports=2).lb1.ready()
    text = plain_config(node, vip_config(node, on="bond0", advert=f"{ADVERT_MS}ms")).replace("vips:", MOVING.format("0s") + "vips:")
    daemon = Standbyd(node, text).start().wait_state("active")
    wait_for(lambda: daemon.bond()["state"] == "up", 10)
    return daemon


def warned_of_hand(daemon):
    return any("was chosen by hand" in warning for warning in daemon.status()["warnings"])


def test_switch_by_hand_until_the_port_fails(moving):
    done = moving.ctl("switch", "bond0", "eno2")
    assert (done.returncode, done.stdout) == (0, "bond0: eno1 → eno2, which keeps the traffic until it fails\n"), done.stderr
    wait_for(lambda: moving.node.holds() == "eno2", 5, "the vip is there too")
    bond = moving.bond()
    assert bond["active_port"] == "eno2" and bond["manual"]
    assert [(p["manual"], p["reason_code"] == "port-manual") for p in bond["ports"]] == [(False, False), (True, True)]
    assert warned_of_hand(moving) and re.search(r"^bond bond0  up on eno2 by hand for ", moving.ctl("status").stdout, re.M)
    assert moving.ctl("switch", "bond0", "eno2").stdout == "bond0: eno2 carries the traffic as before, and keeps it until it fails\n"
    moving.node.pull("eno2")
    wait_for(lambda: moving.bond()["active_port"] == "eno1", 10, "it fails, and the other takes over")
    assert not moving.bond()["manual"] and not warned_of_hand(moving)
    assert [e["text"] for e in moving.events() if e["code"] == "manual"] == [
        "bond0: switched to eno2 by hand, until that port fails", "bond0: chooses its port by itself again"]


def test_switch_back_to_auto(moving):
    assert moving.ctl("switch", "bond0", "eno2").returncode == 0
    done = moving.ctl("switch", "bond0", "auto")
    assert done.returncode == 0 and re.fullmatch(r"bond0: chooses its port by itself again; active port: eno[12]\n", done.stdout), done
    assert not moving.bond()["manual"] and not warned_of_hand(moving)


def test_switch_says_what_is_wrong(moving):
    def said(*words):
        done = moving.ctl("switch", *words)
        assert done.returncode == 1 and not done.stdout, words
        return done.stderr
    assert said("bnd0", "eno2") == "standbyctl: there is no bond 'bnd0'; did you mean 'bond0'?\n"
    assert said("trunk", "auto") == "standbyctl: there is no bond 'trunk'; there is bond0\n"
    assert said("bond0", "eno3") == "standbyctl: bond0 has no port 'eno3'; it has eno1, eno2\n"
    assert said("bond0", "x" * 1000).startswith("standbyctl: bond0 has no port 'xxx")
    moving.node.pull("eno2")
    wait_for(lambda: moving.bond()["ports"][1]["state"] == "down", 10)
    assert said("bond0", "eno2") == "standbyctl: eno2 of bond0 cannot be used now: it is down, the interface has no carrier\n"
    assert moving.bond()["active_port"] == "eno1" and not moving.bond()["manual"]
    with Client(moving) as client:
        for parameters, wrong in (({}, "bond"), ({"bond": 1}, "bond"), ({"bond": "bond0", "port": ""}, "port"),
                                  ({"bond": "bond0", "port": 1}, "port")):
            error = client.call("io.standbyd.Switch", parameters)
            assert error == {"error": "org.varlink.service.InvalidParameter", "parameters": {"parameter": wrong}}
        error = client.call("io.standbyd.Switch", {"bond": "bond0", "port": "eno3"})
        assert error["error"] == "io.standbyd.NoSuchPort"


def test_diff_says_what_a_reload_would_change(moving):
    before = moving.status()["digest"]
    assert moving.ctl("diff").stdout == "a reload would change nothing\n"
    assert json.loads(moving.ctl("diff", "--json").stdout) == {"schema": 1, "changes": [], "actions": [], "warnings": ""}
    moving.write(moving.config.replace("192.0.2.11/24", "192.0.2.12/24"))
    done = moving.ctl("diff")
    assert done.returncode == 0 and not done.stderr
    told = json.loads(moving.ctl("diff", "--json").stdout)
    assert any("192.0.2.12/24" in line for line in told["changes"]), told
    assert "adds address 192.0.2.12/24 to eno1" in told["actions"] and "removes address 192.0.2.11/24 from eno1" in told["actions"]
    assert done.stdout.splitlines() == ["what changes in the configuration:", *("  " + line for line in told["changes"]),
                                        "what standbyd does at once:", *("  " + line for line in told["actions"])]
    assert moving.status()["digest"] == before and "192.0.2.11" in moving.node.addresses("eno1"), "nothing has changed"
    assert moving.ctl("reload").returncode == 0
    wait_for(lambda: {"192.0.2.12", VIP} == set(moving.node.addresses("eno1")), 10, "the reload does it")
    wait_for(lambda: moving.ctl("diff").stdout == "a reload would change nothing\n", 10)


def test_diff_of_another_file(moving):
    other = moving.directory / "other.yaml"
    other.write_text(moving.config.replace("vips:", "vips: {}\nignored:").split("ignored:")[0])
    told = json.loads(moving.ctl("diff", "--json", other).stdout)
    assert "vip web says goodbye" in told["actions"] and told["changes"], told
    (moving.directory / "conf.d").mkdir()
    (moving.directory / "conf.d" / "more.yaml").write_text(
        "vips:\n" + vip_config(moving.node, name="mail", vrid=52, on="bond0", addresses=["192.0.2.101"]))
    assert any("mail" in line for line in json.loads(moving.ctl("diff", "--json", other).stdout)["changes"]), "conf.d is part of it"
    assert moving.state() == "active" and moving.node.holds() == "eno1"
    other.write_text("version: 1\nvipss: {}\n")
    done = moving.ctl("diff", other)
    assert done.returncode == 4 and not done.stdout and re.search(r"other\.yaml:2:1: error: .*did you mean 'vips'", done.stderr)
    moving.write("version: 1\nvipss: {}\n")
    done = moving.ctl("diff")
    assert done.returncode == 4 and not done.stdout and re.search(r"standbyd\.yaml:2:1: error: .*did you mean 'vips'", done.stderr)
    assert not any("refused" in warning for warning in moving.status()["warnings"]), "nobody tried to use it"


def test_diffs_are_answered_one_by_one_whatever_is_sent(daemon):
    long = "version: 1\nnode: lb1\n" + "# a comment\n" * 80_000
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(daemon)) for _ in range(20)]
        for i, client in enumerate(clients):
            client.send({"method": "io.standbyd.Diff", "parameters": {"text": [None, long, "vipss: {}\n", ""][i % 4]}})
        for client in clients[4:8]:
            client.socket.close()
        replies = [client.reply() for client in clients[:4] + clients[8:]]
    for i, reply in enumerate(replies):
        if i % 4 < 2:
            assert reply["parameters"]["schema"] == 1 and bool(reply["parameters"]["changes"]) == bool(i % 4), reply
        else:
            assert reply["error"] == "io.standbyd.BadConfiguration" and "error: " in reply["parameters"]["diagnostics"]
    with Client(daemon) as client:
        error = client.call("io.standbyd.Diff", {"text": 1})
        assert error == {"error": "org.varlink.service.InvalidParameter", "parameters": {"parameter": "text"}}
        assert client.call("io.standbyd.Reload") == {"parameters": {"warnings": ""}}
    assert daemon.state() == "active" and daemon.vip()["counters"]["late_max_ms"] < slack_ms()


def test_completion_knows_bonds_and_ports(moving):
    def offered(*words):
        script = '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _standbyctl "$1"; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-c", script, str(ROOT / "contrib/completion/standbyctl.bash"), binary("standbyctl"),
                               "-r", str(moving.rundir), *words], capture_output=True, text=True, check=True)
        return done.stdout.split()
    assert offered("switch", "") == ["bond0"] and offered("switch", "x") == []
    assert offered("switch", "bond0", "") == ["eno1", "eno2", "auto"]
    assert offered("handover", "") == ["web"] and offered("handover", "web", "") == []
    assert offered("switch", "bond0", "a") == ["auto"] and offered("switch", "bond0", "eno1", "") == []


def test_a_vip_that_leaves_and_has_gone(daemon):
    keep = vip_config(daemon.node, name="mail", vrid=52, addresses=["192.0.2.101"], advert=f"{ADVERT_MS}ms")
    daemon.write(plain_config(daemon.node, keep, vip_config(daemon.node, advert=f"{ADVERT_MS}ms", leave_timeout="3s")))
    assert daemon.ctl("reload").returncode == 0
    daemon.wait_state("active", name="mail")
    daemon.write(plain_config(daemon.node, keep))
    assert daemon.ctl("reload").returncode == 0
    wait_for(lambda: daemon.state() == "leaving", 5)
    assert re.search(r"^    192\.0\.2\.100  still answered here  no longer configured  vrrp", daemon.ctl("status").stdout, re.M)
    wait_for(lambda: not daemon.vip(), 10, "it is no longer told of")
    assert not daemon.node.holds() and "web" not in daemon.ctl("status").stdout
    assert daemon.state("mail") == "active"


def test_traffic_was_away_where_a_predecessor_had_held_it(daemon):
    killed = now()
    daemon.kill9()
    wait_for(lambda: not daemon.node.holds(), 10, "the lease ends")
    daemon.start().wait_state("active")
    last = [e for e in daemon.events() if e["state"] == "active"][-1]
    assert last["reason_code"] == "silence" and last["away_ms"] <= (now() - killed) / 1e6 + 2 * ADVERT_MS
    assert daemon.ctl("events").stdout.splitlines()[-1].endswith(" s)"), "people are told too"
    assert last["away_ms"] > 10 * ADVERT_MS, "the predecessor's last advert counts, not the start of this one"


def test_a_predecessor_that_is_too_old_is_told_of(daemon):
    daemon.write(daemon.config.replace("addresses:", "lease: 10s\n    addresses:"))
    assert daemon.ctl("reload").returncode == 0
    wait_for(lambda: daemon.node.addresses().get(VIP, (0, 0, 0))[2] > 5, 10, "it is renewed for as long as the new lease")
    killed = now()
    daemon.kill9()
    wait_for(lambda: now() - killed > 2 * bound_ms(ADVERT_MS, 100) * MS, 10, "its last sign of life is older than Down")
    daemon.start()
    listening = next(e for e in daemon.events() if e["reason_code"] == "listening")
    assert re.search(r"; its predecessor's last sign of life was .* m?s old, too old to go on$", listening["text"]), listening


def test_usage(daemon):
    for words in ([], ["nothing"], ["status", "more"], ["reload", "--json"], ["status", "-f"], ["switch"], ["switch", "bond0"],
                  ["switch", "bond0", "eno1", "eno2"], ["diff", "a", "b"], ["--nothing"], ["-r"], ["help", "nothing"]):
        done = daemon.ctl(*words)
        assert done.returncode == 2 and done.stderr.startswith("standbyctl: ") and not done.stdout, words
        assert done.stderr.endswith("\nTry 'standbyctl help'.\n"), words
    assert daemon.ctl("nothing").stderr == daemon.ctl("help", "nothing").stderr
    assert "'nothing'" in daemon.ctl("nothing").stderr
    for words in (["help"], ["--help"], ["help", "status"], ["--version"]):
        done = daemon.ctl(*words)
        assert done.returncode == 0 and done.stdout and not done.stderr, words


@pytest.mark.parametrize("words", [["status"], ["status", "--json"], ["events"], ["events", "--json"], ["help"], ["help", "status"], ["--version"],
                                   ["check"], ["check", "-v"], ["diff"], ["diff", "--json"]], ids=" ".join)
def test_what_cannot_be_written_is_a_failure(daemon, words):
    if words[0] == "check":
        words = [*words, daemon.config_path]
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([binary("standbyctl"), "-r", str(daemon.rundir), *words], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and done.stderr == "standbyctl: cannot write to standard output: No space left on device\n"


def test_without_a_daemon(daemon):
    daemon.stop()
    for words in (["status"], ["events"], ["reload"], ["status", "--json"], ["diff"], ["diff", daemon.config_path],
                  ["switch", "bond0", "eno1"], ["handover", "web"], ["drain"], ["undrain"]):
        done = daemon.ctl(*words)
        assert done.returncode == 3 and "not running" in done.stderr, words
    assert daemon.ctl("check", daemon.config_path).returncode == 0
    assert not (daemon.rundir / "io.standbyd").exists()


def test_a_socket_that_a_killed_daemon_left(daemon):
    daemon.kill9()
    assert (daemon.rundir / "io.standbyd").exists()
    assert daemon.ctl("status").returncode == 3
    daemon.start()
    assert daemon.ctl("status").returncode == 0


def test_permissions(daemon):
    if in_user_namespace():
        pytest.skip("another user is needed: run as root of the machine's user namespace")
    path = daemon.rundir / "io.standbyd"
    assert path.stat().st_mode & 0o777 == 0o660
    done = as_nobody(daemon, ["status"])
    assert done.returncode == 1 and "permission" in done.stderr.lower()
    path.chmod(0o666)
    assert as_nobody(daemon, ["status"]).returncode == 0
    readable = daemon.lab.directory / "readable.yaml"
    readable.write_text(daemon.config)
    readable.chmod(0o644)
    assert as_nobody(daemon, ["diff"]).stdout == "a reload would change nothing\n"
    for words in (["reload"], ["switch", "bond0", "eno1"], ["switch", "bond0", "auto"], ["diff", str(readable)],
                  ["handover", "web"], ["drain"], ["undrain"]):
        done = as_nobody(daemon, words)
        assert done.returncode == 1 and "only root" in done.stderr, words


def test_files_and_privileges(daemon):
    assert (daemon.rundir / "state").stat().st_mode & 0o777 == 0o600
    for task in Path(f"/proc/{daemon.process.pid}/task").iterdir():
        status = (task / "status").read_text()
        for name in ("CapEff", "CapPrm"):
            assert int(re.search(rf"{name}:\s+(\w+)", status).group(1), 16) == 1 << 12 | 1 << 13, task
        assert int(re.search(r"CapInh:\s+(\w+)", status).group(1), 16) == 0
        assert re.search(r"NoNewPrivs:\s+1", status)


def test_run_directory_is_made(make_lab):
    lab = make_lab(ports=1)
    daemon = Standbyd(lab.lb1.ready(), plain_config(lab.lb1))
    daemon.rundir.rmdir()
    daemon.start()
    assert daemon.rundir.stat().st_mode & 0o777 == 0o755


def test_a_second_daemon_is_refused(daemon):
    second = Standbyd(daemon.node, daemon.config, "second")
    second.rundir = daemon.rundir
    second.start(ready=False)
    wait_for(lambda: not second.alive, 10)
    assert second.process.poll() == 1
    assert f"another standbyd, process {daemon.process.pid}, runs in {daemon.rundir}" in second.log()
    assert daemon.state() == "active", "and the first one goes on, socket and all"


def test_without_privileges_it_says_so(make_lab):
    if in_user_namespace():
        pytest.skip("another user is needed: run as root of the machine's user namespace")
    lab = make_lab(ports=1)
    daemon = Standbyd(lab.lb1, plain_config(lab.lb1))
    done = subprocess.run([copied(daemon, "standbyd"), *daemon.command()[1:]], capture_output=True, text=True, cwd="/",
                          user=65534, group=65534, extra_groups=[])
    assert done.returncode == 1 and "CAP_NET_ADMIN" in done.stderr
    assert list(daemon.rundir.iterdir()) == []


def test_in_a_user_namespace(make_lab):
    lab = make_lab(ports=1)
    daemon = Standbyd(lab.lb1, plain_config(lab.lb1))
    if subprocess.run(["unshare", "-Urmn", "true"], capture_output=True).returncode:
        pytest.skip("no user namespaces here")
    command = daemon.command
    daemon.command = lambda: ["unshare", "-Urn", *command()]
    daemon.start()
    assert daemon.state() == "init" and daemon.vip()["reason_code"] == "interface-absent"
    assert daemon.ctl("reload").returncode == 0


@pytest.mark.parametrize("words,status", [(["--nothing"], 2), (["more"], 2), (["--log-level", "loud"], 2), (["--help"], 0),
                                          (["--version"], 0), (["--check", "-f", "/nonexistent"], 4), (["-f", "/nonexistent"], 4)])
def test_usage_of_the_daemon(words, status):
    done = subprocess.run([binary("standbyd"), *words], capture_output=True, text=True, timeout=20)
    assert done.returncode == status
    assert (done.stdout if status == 0 else done.stderr), "says something"
    assert not re.search(r"^/.*unrecognized", done.stderr), "the program's name without its path"
    if status == 0:
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([binary("standbyd"), *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=20)
        assert done.returncode == 1 and "No space left" in done.stderr


def test_an_old_kernel_is_refused(make_lab):
    lab = make_lab(ports=1)
    daemon = Standbyd(lab.lb1, plain_config(lab.lb1))
    done = subprocess.run(["setarch", "--uname-2.6", *daemon.command()], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and re.search(r"this is Linux 2\.6\.\d+.* needs 5\.18 or later", done.stderr), done.stderr
    assert list(daemon.rundir.iterdir()) == []


def test_a_log_that_nobody_reads_stops_nothing(make_lab):
    """Standard error is a full pipe; the daemon goes on advertising, and its exit waits a second at most."""
    lab = make_lab(ports=1)
    node = lab.lb1.ready()
    node.address("eno1", "192.0.2.11/24")
    daemon = Standbyd(node, plain_config(node, advert=f"{ADVERT_MS}ms"))
    fifo = daemon.directory / "stderr"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    command = daemon.command
    daemon.command = lambda: ["sh", "-c", 'exec "$@" 2>"$0"', str(fifo), *map(str, command()), "--log-level", "debug"]
    writer = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    try:
        daemon.start().wait_state("active")
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * 65536)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x")
        for _ in range(30):
            daemon.signal(signal.SIGHUP)
            assert daemon.ctl("reload").returncode == 0
        before = daemon.vip()["counters"]["adverts_sent"]
        wait_for(lambda: daemon.vip()["counters"]["adverts_sent"] >= before + 10, 5, "adverts go on")
        assert daemon.state() == "active" and daemon.vip()["counters"]["late_max_ms"] < slack_ms()
        since = now()
        daemon.term()
        wait_for(lambda: not daemon.alive, 10)
        assert not node.holds() and now() - since < 5_000_000_000
    finally:
        os.close(writer)
        os.close(reader)


def test_check_of_the_daemon_touches_nothing(make_lab):
    lab = make_lab(ports=1)
    daemon = Standbyd(lab.lb1, plain_config(lab.lb1))
    done = subprocess.run([*daemon.command(), "--check"], capture_output=True, text=True)
    assert done.returncode == 0 and list(daemon.rundir.iterdir()) == []
    daemon.write("version: 1\nvipss: {}\n")
    done = subprocess.run([*daemon.command(), "--check"], capture_output=True, text=True)
    assert done.returncode == 4 and "did you mean 'vips'" in done.stderr


def test_hangup_reloads_and_a_bad_file_is_a_warning(daemon):
    good = daemon.config
    digest = daemon.status()["digest"]
    daemon.write(good.replace("vrid: 51", "vrid: 5100"))
    daemon.signal(signal.SIGHUP)
    wait_for(lambda: "nothing was changed" in daemon.log(), 10)
    assert re.search(r"standbyd\.yaml:\d+:\d+: error: ", daemon.log())
    status = daemon.status()
    assert status["digest"] == digest and any("refused" in w for w in status["warnings"])
    daemon.write(good + vip_config(daemon.node, name="mail", vrid=52, addresses=["192.0.2.101"], advert=f"{ADVERT_MS}ms"))
    daemon.notified()
    daemon.signal(signal.SIGHUP)
    wait_for(lambda: daemon.vip("mail"), 10)
    status = daemon.status()
    assert status["digest"] != digest and not any("refused" in w for w in status["warnings"])
    assert daemon.vip()["state"] == "active"
    words = daemon.notified()
    assert "RELOADING=1" in words and words.index("RELOADING=1") < words.index("READY=1")


def test_many_reloads_at_once_are_all_answered(daemon):
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(daemon)) for _ in range(25)]
        for client in clients:
            client.send({"method": "io.standbyd.Reload"})
        assert all(client.reply() == {"parameters": {"warnings": ""}} for client in clients)
    assert daemon.state() == "active"


def test_a_client_that_goes_away_during_its_reload(daemon):
    for _ in range(20):
        with Client(daemon) as client:
            client.send({"method": "io.standbyd.Reload"})
    with Client(daemon) as client:
        assert client.call("io.standbyd.Reload") == {"parameters": {"warnings": ""}}


def test_a_damaged_state_file_is_not_believed(daemon):
    daemon.kill9()
    state = daemon.rundir / "state"
    bytes_ = bytearray(state.read_bytes())
    bytes_[60] ^= 0x40
    state.write_bytes(bytes_)
    daemon.start()
    assert "damaged" in daemon.log()
    assert [e["state"] for e in daemon.events() if e["object"] == "web"][0] == "backup"


def test_stop_tells_the_service_manager_and_exits_fine(daemon):
    daemon.notified()
    process = daemon.process
    daemon.stop()
    assert daemon.exit_status == 0 and process.returncode == 0
    assert "STOPPING=1" in daemon.notified()
    assert daemon.node.holds() is None


def test_a_second_term_exits_at_once(make_lab):
    lab = make_lab(ports=1)
    node = lab.lb1.ready()
    node.address("eno1", "192.0.2.11/24")
    daemon = Standbyd(node, plain_config(node, advert="1s")).start().wait_state("active")
    daemon.term()
    wait_for(lambda: daemon.state() == "leaving", 5)
    since = now()
    daemon.term()
    wait_for(lambda: not daemon.alive, 5)
    assert now() - since < slack_ms() * 1_000_000 and daemon.process.poll() == 1
    wait_for(lambda: node.holds() is None, 10, "the lease ends")


def test_watchdog_is_fed(make_lab):
    lab = make_lab(ports=1)
    daemon = Standbyd(lab.lb1.ready(), plain_config(lab.lb1))
    environment = daemon.environment
    daemon.environment = lambda: {**environment(), "WATCHDOG_USEC": "400000"}
    daemon.start()
    wait_for(lambda: "WATCHDOG=1" in daemon.notified(), 5)


def test_trace_has_events_and_actions(make_lab):
    lab = make_lab(ports=1)
    node = lab.lb1.ready()
    node.address("eno1", "192.0.2.11/24")
    daemon = Standbyd(node, plain_config(node, advert=f"{ADVERT_MS}ms"))
    trace = daemon.directory / "trace"
    command = daemon.command
    daemon.command = lambda: [*command(), "--trace", trace]
    daemon.start().wait_state("active")
    lines = trace.read_text().splitlines()
    assert any("snap-end" in line and not line.startswith("  → ") for line in lines)
    assert any(line.startswith("  → ") and "advert" in line for line in lines)
