# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the namespace tests: labs that are always taken down, daemons' logs beside a failure, a deadline for each test."""
import os
import signal

import pytest

from lab import VIP, VIP6, Frr, Keepalived, Lab, Standbyd, keepalived_instance, wait_for

# One CPU, slow forks: a guest's client asks at 1 kHz, and is allowed more for what the machine itself costs.
IN_GUEST = bool(os.environ.get("STANDBYD_UML"))
SANITIZED = bool(os.environ.get("STANDBYD_SANITIZED"))
INTERVAL_US = 1000 if IN_GUEST else 500
TEST_SECONDS = 180 if IN_GUEST else 90


def pytest_configure(config):
    config.addinivalue_line("markers", "bonding: needs the kernel's bonding driver; runs in user-mode Linux where the host has none")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    def late(*_):
        raise TimeoutError(f"the test took longer than {TEST_SECONDS} s")
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(TEST_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed and call.when == "call":
        for lab in getattr(item, "labs", []):
            for name, text in lab.logs().items():
                lines = text.splitlines()
                report.sections.append((f"log of {name}", "\n".join(lines[:20] + ["…"] * (len(lines) > 80) + lines[20:][-60:])))


@pytest.fixture
def make_lab(request):
    """Lab(...), taken down after the test. A sanitizer's complaint in any standbyd log is a failure."""
    request.node.labs = []

    def make(**options):
        lab = Lab(**options)
        request.node.labs.append(lab)
        return lab
    yield make
    logs = {}
    for lab in request.node.labs:
        logs.update(lab.logs())
        lab.close()
    for name, text in logs.items():
        for sign in ("ERROR: AddressSanitizer", "runtime error:", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "Assertion"):
            assert sign not in text, f"{name}: {text[text.index(sign):][:4000]}"


def vip_config(node, on="eno1", priority=100, advert="100ms", addresses=(VIP,), vrid=51, name="web", **more):
    """A vip as a configuration has it; `more` are further keys with '_' for '-'."""
    listed = ", ".join(f'"{a}"' for a in addresses)
    lines = [f"  {name}:", f"    on: {on}", "    protocol: vrrp", f"    vrid: {vrid}", f"    priority: {priority}",
             f"    advert: {advert}", f"    addresses: [{listed}]"]
    lines += [f"    {key.replace('_', '-')}: {value}" for key, value in more.items()]
    return "\n".join(lines) + "\n"


def plain_config(node, *vips, **options):
    return f"version: 1\nnode: {node.name}\nvips:\n" + ("".join(vips) or vip_config(node, **options))


def skew_ms(advert_ms, priority, version=3):
    """RFC 9568 section 6.1; in version 2 (RFC 3768 section 6.1) it is a part of a second, whatever the interval."""
    return (256 - priority) * (1000 if version == 2 else advert_ms) / 256


def bound_ms(advert_ms, priority, version=3):
    """Down: three intervals and the skew."""
    return 3 * advert_ms + skew_ms(advert_ms, priority, version)


# ---- the forms that adverts have: keywords of Pair ----

def unicast_peers(family):
    """The list that is the same on all nodes: their own addresses."""
    return [f"{'192.0.2.' if family == 4 else '2001:db8::'}{n}" for n in (11, 12)]


def keepalived_unicast(family, extra=""):
    def of(node):
        own = unicast_peers(family)[node.number - 1]
        other = next(a for a in unicast_peers(family) if a != own)
        return f"  unicast_src_ip {own}\n  unicast_peer {{\n    {other}\n  }}\n{extra}"
    return of


def unicast_form(family, extra=""):
    peers = ", ".join(f'"{a}"' for a in unicast_peers(family))
    return {"unicast": f"[{peers}]", "peer_extra": keepalived_unicast(family, extra)}


PASSWORD = "s3cret"
FORMS = {
    "v3": {},
    "v2": {"version": 2, "peer_extra": lambda node: "  version 2\n"},
    "v2-password": {"version": 2, "auth": f"{{kind: pass, password: {PASSWORD}}}", "peer_extra": lambda node:
                    f"  version 2\n  authentication {{\n    auth_type PASS\n    auth_pass {PASSWORD}\n  }}\n"},
    "ipv6": {"addresses": (VIP6,)},
    "unicast": unicast_form(4),
    # keepalived 2.2.7 sends IPv6 unicast with the interface's default hop limit if it is not told otherwise.
    "unicast6": {"addresses": (VIP6,), **unicast_form(6, "  unicast_ttl 255\n")},
}


class Pair:
    """Two nodes with one NIC each on one wire, lb1 with priority 200 and lb2 with 100, and a client that asks the vip."""

    def __init__(self, lab, kinds=("standbyd", "standbyd"), advert_ms=100, addresses=(VIP,), peer_extra=None, **options):
        self.peer_extra = peer_extra or (lambda node: "")
        self.lab, self.kinds, self.advert_ms, self.addresses, self.options = lab, kinds, advert_ms, addresses, options
        self.n1, self.n2 = lab.nodes
        for node in lab.nodes:
            node.ready().address("eno1", f"192.0.2.{10 + node.number}/24")
            if any(":" in a for a in addresses):
                node.address("eno1", f"2001:db8::{10 + node.number}/64")
        lab.answer()
        self.d1, self.d2 = (self._daemon(node, kind, priority) for node, kind, priority in zip(lab.nodes, kinds, (200, 100)))

    @property
    def version(self):
        return self.options.get("version", 3)

    @property
    def ours(self):
        return [daemon for daemon in (self.d1, self.d2) if isinstance(daemon, Standbyd)]

    def holds(self, node):
        return node.holds(self.addresses[0])

    def config(self, node, priority, **options):
        return plain_config(node, priority=priority, advert=f"{self.advert_ms}ms", addresses=self.addresses,
                            **{**self.options, **options})

    def _daemon(self, node, kind, priority):
        if kind == "frr":
            if Frr.refused():
                pytest.skip(Frr.refused())
            return Frr(node, self.addresses, priority=priority, advert_ms=self.advert_ms, version=self.version)
        if kind == "keepalived":
            return Keepalived(node, keepalived_instance(priority=priority, advert=self.advert_ms / 1000, addresses=self.addresses,
                                                        extra=self.peer_extra(node)))
        return Standbyd(node, self.config(node, priority))

    def down_ms(self, priority=100):
        return bound_ms(self.advert_ms, priority, self.version)

    def skew_ms(self, priority=100):
        return skew_ms(self.advert_ms, priority, self.version)

    def start(self):
        """Both run, lb1 is active, and the client is asking it."""
        self.d1.start()
        if self.kinds[0] == "frr":
            # Over IPv6 its first advert is lost, and the other node would take over for a moment.
            sniffer = self.lab.sniff()
            wait_for(sniffer.adverts, 15, "FRR's first advert")
        self.d2.start()
        self.probe = self.lab.probe(self.addresses[0], INTERVAL_US)
        self.probe.answered_by("lb1", 15)
        for daemon, state in ((self.d1, "active"), (self.d2, "backup")):
            if isinstance(daemon, Standbyd):
                daemon.wait_state(state)
        return self


@pytest.fixture
def pair(make_lab):
    """pair(kinds=…, advert_ms=…): a running Pair."""
    return lambda **options: Pair(make_lab(ports=1), **options).start()


def allowed(probe_intervals=0):
    """Packets that the machine's own scheduling may cost where a handover costs none: none on a machine with its CPUs for
    itself, a few where one CPU does everything."""
    return probe_intervals + (3 if IN_GUEST else 0)


def slack_ms():
    return 600 if IN_GUEST or SANITIZED else 250



def bond_text(name="bond0", ports=("eno1", "eno2"), addresses=("192.0.2.11/24",), driver="move", **keys):
    """A bond as a configuration has it; `keys` are further ones with '_' for '-'."""
    listed = ", ".join(f'"{a}"' for a in addresses)
    quoted = ", ".join(f'"{p}"' for p in ports)
    lines = [f"  {name}:", f"    driver: {driver}", f"    ports: [{quoted}]"] + ([f"    addresses: [{listed}]"] if listed else [])
    lines += [f"    {key.replace('_', '-')}: {value}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def bonds_config(node, *bonds, vips=()):
    """A configuration of these bonds (texts of bond_text), and of vips (texts of vip_config)."""
    return (f"version: 1\nnode: {node.name}\nbonds:\n" + "".join(bonds or [bond_text()])
            + ("vips:\n" + "".join(vips) if vips else ""))


class Bonded:
    """One node with bonds of driver move, and a client that asks the first bond's address."""

    def __init__(self, lab, *bonds, vips=(), start=True):
        self.lab, self.node = lab, lab.lb1
        lab.answer()
        self.daemon = Standbyd(self.node, bonds_config(self.node, *bonds, vips=vips))
        if start:
            self.daemon.start()

    def ask(self, address="192.0.2.11"):
        """Begins to ask, and returns once the node answers."""
        self.probe = self.lab.probe(address, INTERVAL_US)
        self.probe.answered_by(self.node.name, 10)
        return self

    def active(self, bond="bond0"):
        return (self.daemon.bond(bond) or {}).get("active_port")

    def ports(self, bond="bond0"):
        return {p["name"]: p["state"] for p in self.daemon.bond(bond)["ports"]}

    def port(self, name, bond="bond0"):
        return next((p for p in self.daemon.bond(bond)["ports"] if p["name"] == name), None)

    def wait_ports(self, wanted, bond="bond0", deadline=5):
        """Waits for these ports in these states, and for none besides."""
        try:
            wait_for(lambda: self.ports(bond) == wanted, deadline, f"{bond} has {wanted}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}, but {self.daemon.bond(bond)}") from None
        return self

    def wait_on(self, ifname, *addresses, deadline=5):
        """Waits until these addresses (192.0.2.11 if none is named) are on that port and nowhere else."""
        for ip in addresses or ("192.0.2.11",):
            wait_for(lambda ip=ip: self.node.places(ip) == [ifname], deadline, f"{ip} on {ifname} alone")
        return self

    def reload(self, *bonds, vips=()):
        self.daemon.write(bonds_config(self.node, *bonds, vips=vips))
        done = self.daemon.ctl("reload")
        assert done.returncode == 0, done
        return self

    def lost_at_most(self, since, ms):
        window = self.probe.window(since)
        assert window.outage_ms <= ms and window.nodes == [self.node.name], window
        return window


@pytest.fixture
def bonded(make_lab):
    """bonded(texts of bonds…): a node whose daemon runs."""
    return lambda *bonds, lab=None, **options: Bonded(lab or make_lab(names=("lb1",)), *bonds, **options)
