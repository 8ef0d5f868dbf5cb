# SPDX-License-Identifier: GPL-2.0-or-later
"""udev for real: its rules for the ports, and a daemon that waits for it. Run by udev.sh, in a guest whose udevd this starts."""
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from lab import binary, build_dir, wait_for

SOURCE = Path(__file__).resolve().parents[2]
CONFIG = Path("/run/test/standbyd.yaml")
RULES = Path("/run/udev/rules.d")
GATE = "/run/test/gate"
DEADLINE = 60

# early0 is held up in its rules until the gate is opened, and then named lan0; pathy0's place and drivy0's driver are
# known once there is a file.
OWN_RULES = f"""
SUBSYSTEM=="net", ACTION=="add", KERNEL=="early*", PROGRAM="/bin/cat {GATE}", NAME="lan%n"
"""
PLACE_RULES = """
SUBSYSTEM=="net", KERNEL=="pathy0", TEST=="/run/test/place", ENV{ID_PATH}="pci-0000:03:00.0"
SUBSYSTEM=="net", KERNEL=="drivy0", TEST=="/run/test/place", ENV{ID_NET_DRIVER}="slowly"
"""


def run(*words, check=True):
    done = subprocess.run([str(w) for w in words], text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE)
    assert not check or done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def configure(bonds):
    """The bonds as {name: ports}, all of driver kernel unless the ports say otherwise."""
    text = "version: 1\nnode: here\nbonds:\n"
    for name, ports in bonds.items():
        text += f"  {name}: {{driver: kernel, ports: {json.dumps(ports)}}}\n"
    CONFIG.write_text(text)


class Udev:
    def __init__(self):
        self.log = Path("/run/test/udevd.log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(["/lib/systemd/systemd-udevd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: os.path.exists("/run/udev/control"), DEADLINE, "udevd listens")

    def settle(self):
        run("udevadm", "settle", "-t", DEADLINE)

    def trigger(self, *names, action="change"):
        run("udevadm", "trigger", f"--action={action}", *(f"/sys/class/net/{name}" for name in names))
        self.settle()

    def properties(self, name):
        return dict(line.split("=", 1) for line in run("udevadm", "info", "-q", "property", "-p", f"/sys/class/net/{name}").splitlines())

    def bond(self, name):
        """What the rules say of a port, after it was checked that they say it to everyone."""
        words = self.properties(name)
        bond = words.get("STANDBYD_BOND")
        ours = bond is not None or "STANDBYD_DEVICE" in words
        assert (words.get("NM_UNMANAGED") == "1") == ours, words
        assert (words.get("ID_NET_MANAGED_BY") == "io.standbyd") == ours, words
        assert ("standbyd.service" in words.get("SYSTEMD_WANTS", "").split()) == (bond is not None), words
        assert ":systemd:" in words.get("TAGS", "") or bond is None
        return bond


@pytest.fixture(scope="module")
def udev():
    for path in (RULES, Path("/run/systemd/network"), CONFIG.parent):
        path.mkdir(parents=True, exist_ok=True)
    os.mkfifo(GATE)
    helper = f"{binary('standbyd-udev')} -f {CONFIG}"
    for name in ("70-standbyd.rules", "85-standbyd.rules"):
        text = (build_dir() / "udev" / name).read_text()
        text, program = re.subn(r'IMPORT\{program\}="\S+/standbyd-udev ', f'IMPORT{{program}}="{helper} ', text)
        text, config = re.subn(r'TEST!="/etc/standbyd/standbyd.yaml"', f'TEST!="{CONFIG}"', text)
        assert (program, config) == (1, 1)
        (RULES / name).write_text(text)
    (RULES / "60-test.rules").write_text(OWN_RULES)
    (RULES / "82-test.rules").write_text(PLACE_RULES)
    (RULES / "10-wrong.rules").write_text('NONSENSE=="1"\n')
    Path("/run/systemd/network/10-standbyd.link").write_text((SOURCE / "udev/10-standbyd.link").read_text())
    udev = Udev()
    yield udev
    udev.process.terminate()
    udev.process.wait(DEADLINE)


@pytest.fixture
def nic(udev):
    """nic(name…): makes them, each with a peer that is up. Afterwards every device but lo is gone."""
    def make(*names, settle=True, mac=()):
        for name in names:
            run("ip", "link", "add", name, *mac, "type", "veth", "peer", "name", f"p-{name}")
            run("ip", "link", "set", f"p-{name}", "up")
        if settle:
            udev.settle()
    yield make
    for name in os.listdir("/sys/class/net"):
        if name not in ("lo", "bonding_masters", "teql0"):
            run("ip", "link", "del", name, check=False)
    udev.settle()
    for path in (CONFIG, Path("/run/test/place")):
        path.unlink(missing_ok=True)


class Daemon:
    def __init__(self, *prefix):
        self.rundir = Path("/run/test/run")
        self.trace, self.log = Path("/run/test/trace"), Path("/run/test/log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen([*prefix, binary("standbyd"), "-f", CONFIG, "-r", self.rundir, "--trace", self.trace],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def ports(self):
        """{name: (bond, state, reason code)}; empty while it does not answer."""
        done = subprocess.run([binary("standbyctl"), "-r", self.rundir, "status", "--json"], text=True, capture_output=True, timeout=DEADLINE)
        if done.returncode:
            assert self.process.poll() is None, self.log.read_text()
            return {}
        return {port["name"]: (bond["name"], port["state"], port["reason_code"]) for bond in json.loads(done.stdout)["bonds"]
                for port in bond["ports"]}

    def wait_port(self, name, condition):
        seen = {}

        def holds():
            seen.update(now=self.ports())
            return name in seen["now"] and condition(*seen["now"][name])
        try:
            wait_for(holds, DEADLINE, f"port {name}")
        except TimeoutError:
            raise AssertionError(f"{name}: {seen}\n{self.log.read_text()}\n{self.trace.read_text()[-4000:]}") from None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(DEADLINE)
        finally:
            self.process.kill()


@pytest.fixture
def daemon():
    running = []

    def start(*prefix):
        running.append(Daemon(*prefix))
        return running[-1]
    yield start
    for one in running:
        assert one.stop() == 0, one.log.read_text()


def master(name):
    path = f"/sys/class/net/{name}/master"
    return os.path.basename(os.readlink(path)) if os.path.islink(path) else None


# ---- the rules ------------------------------------------------------------------------------------------------------------

def test_marks_what_the_configuration_names(udev, nic):
    configure({"bond0": ["eno1", "eno2"], "bond1": ["en[x-z]*", "mac:02:00:00:00:00:07"], "bond2": ["driver:team"]})
    nic("eno1", "enx0", "other0", settle=False)
    nic("mac0", mac=("address", "02:00:00:00:00:07"))
    assert {name: udev.bond(name) for name in ("eno1", "enx0", "mac0", "other0", "lo")} == \
        {"eno1": "bond0", "enx0": "bond1", "mac0": "bond1", "other0": None, "lo": None}
    # Renamed, it is judged anew.
    run("ip", "link", "set", "eno1", "name", "other1")
    run("ip", "link", "set", "other0", "name", "eno2")
    udev.settle()
    assert (udev.bond("other1"), udev.bond("eno2")) == (None, "bond0")


def test_marks_by_driver_and_place(udev, nic):
    configure({"bond0": ["path:pci-0000:03:00.0"], "bond1": ["driver:veth"], "bond2": ["driver:dummy", "mac:02:00:00:00:00:07"]})
    Path("/run/test/place").touch()
    nic("v7", mac=("address", "02:00:00:00:00:07"), settle=False)
    run("ip", "link", "add", "dummy0", "type", "dummy") # not what a bond is made of, unless by name
    nic("pathy0", "v0")
    assert {name: udev.bond(name) for name in ("pathy0", "p-pathy0", "v0", "v7", "dummy0")} == \
        {"pathy0": "bond0", "p-pathy0": "bond1", "v0": "bond1", "v7": "bond2", "dummy0": None}
    Path("/run/test/place").unlink()
    udev.trigger("pathy0")
    assert udev.bond("pathy0") == "bond1"


def test_a_wrong_file_takes_no_port_away(udev, nic):
    configure({"bond0": ["eno1"]})
    nic("eno1")
    run("ip", "link", "add", "bond0", "type", "bond")
    udev.settle()
    CONFIG.write_text("version: 1\nbonds: [\n")
    udev.trigger("eno1", "bond0")
    assert udev.bond("eno1") == "bond0"
    assert udev.bond("bond0") is None and udev.properties("bond0")["STANDBYD_DEVICE"] == "bond0"
    configure({"bond1": ["eno2"]})
    udev.trigger("eno1", "bond0")
    assert udev.bond("eno1") is None and udev.bond("bond0") is None
    CONFIG.unlink()
    udev.trigger("eno1")
    assert udev.bond("eno1") is None


def test_only_our_devices_get_our_link_file(udev, nic):
    configure({"bond0": ["eno1"], "team0": ["eno2"]})
    for name, kind in (("bond0", "bond"), ("bond9", "bond"), ("team0", "team"), ("team9", "team")):
        run("ip", "link", "add", name, "type", kind)
    udev.settle()
    files = {name: udev.properties(name)["ID_NET_LINK_FILE"] for name in ("bond0", "bond9", "team0", "team9")}
    assert {name for name, path in files.items() if path.endswith("10-standbyd.link")} == {"bond0", "team0"}, files
    assert {name for name in files if udev.properties(name).get("ID_NET_MANAGED_BY")} == {"bond0", "team0"}
    # The persistent MAC of a bond without a .link file of ours is udev's; ours is random, until the daemon sets it.
    assign = {name: Path(f"/sys/class/net/{name}/addr_assign_type").read_text().strip() for name in files}
    assert assign == {"bond0": "1", "bond9": "3", "team0": "1", "team9": "3"}


def test_udevd_takes_every_line(udev, nic):
    """Its log names the lines that it does not understand, as that of the wrong file shows."""
    configure({"bond0": ["eno1"]})
    nic("eno1")
    log = udev.log.read_text()
    assert "10-wrong.rules:1" in log
    assert "standbyd.rules" not in log and "standbyd-udev" not in log and "standbyd.link" not in log, log


# ---- the daemon -----------------------------------------------------------------------------------------------------------

def test_waits_until_udev_has_finished(udev, nic, daemon):
    configure({"bond0": ["early0", "lan0"]})
    here = daemon()
    nic("early0", settle=False)
    here.wait_port("early0", lambda bond, state, reason: reason == "port-uninitialised")
    assert master("early0") is None and udev.properties("early0").get("USEC_INITIALIZED") is None
    Path(GATE).write_text("")
    here.wait_port("lan0", lambda bond, state, reason: state in ("active", "standby"))
    assert master("lan0") == "bond0"
    assert not re.search(r"→ (enslave|link-up).*early0", here.trace.read_text())
    assert "udev speaks" in here.log.read_text()


def test_takes_the_driver_and_the_place_that_udev_tells(udev, nic, daemon):
    configure({"bond0": ["path:pci-0000:03:00.0"], "bond1": ["driver:slowly"]})
    here = daemon()
    nic("pathy0", "drivy0", "other0")
    for name, bond in (("pathy0", "bond0"), ("drivy0", "bond1")):
        assert master(name) is None and name not in here.ports()
        Path("/run/test/place").touch()
        udev.trigger(name)
        here.wait_port(name, lambda its, *_: its == bond and master(name) == bond)
    Path("/run/test/place").unlink()
    assert master("other0") is None


def test_unplugged_and_plugged_in_again(udev, nic, daemon):
    configure({"bond0": ["eno1", "eno2"]})
    nic("eno1", "eno2")
    here = daemon()
    for name in ("eno1", "eno2"):
        here.wait_port(name, lambda bond, state, reason: state in ("active", "standby"))
    run("ip", "link", "del", "eno1")
    here.wait_port("eno1", lambda bond, state, reason: reason == "interface-gone")
    nic("eno1", settle=False)
    here.wait_port("eno1", lambda bond, state, reason: state in ("active", "standby"))
    assert master("eno1") == "bond0"


def test_the_rules_are_asked_again_after_the_fact(udev, nic, daemon):
    """The configuration comes after the devices, as on a first installation and at a reload."""
    nic("eno1", "eno2")
    assert (udev.bond("eno1"), udev.bond("eno2")) == (None, None)
    configure({"bond0": ["eno1"]})
    here = daemon()
    wait_for(lambda: udev.properties("eno1").get("STANDBYD_BOND") == "bond0", DEADLINE, "eno1 is marked")
    configure({"bond0": ["eno2"]})
    run(binary("standbyctl"), "-r", here.rundir, "reload")
    wait_for(lambda: udev.properties("eno2").get("STANDBYD_BOND") == "bond0", DEADLINE, "eno2 is marked")
    wait_for(lambda: not udev.properties("eno1").get("STANDBYD_BOND"), DEADLINE, "eno1 is not any more")
    udev.settle()
    assert (udev.bond("eno1"), udev.bond("eno2")) == (None, "bond0")


def test_another_namespace_is_not_udevs(udev, nic, daemon):
    """/run/udev is to be seen there too, and /sys shows this namespace's devices: neither is believed."""
    configure({"bond0": ["driver:veth"]})
    here = daemon("unshare", "-n")
    wait_for(lambda: "udev does not speak" in here.log.read_text(), DEADLINE, "the daemon has found out")
    run("nsenter", "-n", "-t", here.process.pid, "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    here.wait_port("v0", lambda bond, state, reason: bond == "bond0" and reason != "port-uninitialised")
