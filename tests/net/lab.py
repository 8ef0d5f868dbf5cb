# SPDX-License-Identifier: GPL-2.0-or-later
"""A network on one machine: two joined switches, nodes with a cable into each, and a client that counts every packet.

Everything is a network namespace of this kernel. A namespace lives by a file descriptor that this process holds, so it is
gone when the process is; programs are ended by their process id, and by a guard when this process dies first. Works as root
and under `unshare -Urmn`. Times are CLOCK_MONOTONIC nanoseconds (`now()`), the same clock as probe.c's."""
import atexit
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

CLONE_NEWNET = 0x40000000
MS, SECOND = 10**6, 10**9
VIP, VIP6, PORT = "192.0.2.100", "2001:db8::100", 4477
libc = ctypes.CDLL(None, use_errno=True)
now = time.monotonic_ns


def build_dir():
    """The build tree whose binaries are tested: $STANDBYD_BUILD, else the working directory."""
    return Path(os.environ.get("STANDBYD_BUILD", os.getcwd())).resolve()


def binary(name):
    path = build_dir() / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built; set STANDBYD_BUILD to a build tree after `make all check TESTS=`")
    return str(path)


def wait_for(condition, deadline, what=None):
    """Returns the condition's first true value; fails when `deadline` seconds pass without one."""
    end = now() + int(deadline * SECOND)
    while True:
        value = condition()
        if value:
            return value
        if now() > end:
            raise TimeoutError(f"{what or getattr(condition, '__doc__', None) or 'condition'}: not within {deadline} s")
        time.sleep(0.002)


def pass_time(seconds):
    """Lets a span of the scenario pass, where the span itself is what is tested (a hang of 6 s, a window at rest)."""
    end = now() + int(seconds * SECOND)
    while (left := end - now()) > 0:
        time.sleep(left / SECOND)


def _setns(fd):
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Guard:
    """Ends what was started when this process ends without having done so, even by SIGKILL."""

    def __init__(self):
        self.process = subprocess.Popen([binary("tests/net/probe"), "guard"], stdin=subprocess.PIPE, text=True)

    def tell(self, word, pid):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{word} {pid}\n")
            self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Namespace:
    """A network namespace. `ip` is a pyroute2 socket inside it."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        if libc.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare: root, or `unshare -Urmn`, is needed")
        try:
            self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            self.ip = IPRoute()
            for key in ("accept_dad", "router_solicitations", "dad_transmits"):
                self._sysctl(f"ipv6/conf/default/{key}", 0)
        finally:
            _setns(home)
            os.close(home)
        self.ip.link("set", index=1, state="up")

    @contextlib.contextmanager
    def enter(self):
        """This thread works inside: sockets that are opened here stay here."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _setns(self.fd)
        try:
            yield self
        finally:
            _setns(home)
            os.close(home)

    @staticmethod
    def _sysctl(key, value=None):
        path = Path("/proc/sys/net") / key
        if value is None:
            return path.read_text().strip() if path.exists() else None
        if path.exists():
            path.write_text(str(value))
        return None

    def sysctl(self, key, value=None):
        """Reads, or with a value writes, net/KEY; a key that this kernel has not is passed over."""
        with self.enter():
            return self._sysctl(key, value)

    def popen(self, command, **options):
        fd = self.fd
        process = subprocess.Popen([str(word) for word in command], preexec_fn=lambda: _setns(fd), start_new_session=True,
                                   **options)
        self.lab.started(process)
        return process

    def run(self, *command, check=True):
        done = subprocess.run([str(word) for word in command], preexec_fn=lambda: _setns(self.fd), text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, command))}: {done.stderr.strip() or done.returncode}")
        return done

    def index(self, ifname):
        found = self.ip.link_lookup(ifname=ifname)
        return found[0] if found else None

    def link_set(self, ifname, **what):
        self.ip.link("set", index=self.index(ifname), **what)

    def links(self):
        return {link.get_attr("IFLA_IFNAME"): link for link in self.ip.get_links()}

    def mac(self, ifname):
        return self.links()[ifname].get_attr("IFLA_ADDRESS")

    def address(self, ifname, cidr):
        ip, prefix = cidr.split("/")
        flags = {"flags": 2} if ":" in ip else {}  # IFA_F_NODAD
        self.ip.addr("add", index=self.index(ifname), address=ip, prefixlen=int(prefix), **flags)

    def address_del(self, ifname, ip, prefix):
        self.ip.addr("del", index=self.index(ifname), address=ip, prefixlen=prefix)

    def addresses(self, ifname=None):
        """{address: (interface, prefix, valid seconds or None)} of both families, link-local ones left out."""
        names = {link["index"]: name for name, link in self.links().items()}
        result = {}
        for message in self.ip.get_addr():
            name = names.get(message["index"])
            ip = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
            if ip.startswith("fe80") or name == "lo" or ifname not in (None, name):
                continue
            valid = (message.get_attr("IFA_CACHEINFO") or {}).get("ifa_valid", 0xFFFFFFFF)
            result[ip] = (name, message["prefixlen"], None if valid == 0xFFFFFFFF else valid)
        return result

    def places(self, ip):
        """All interfaces that have the address, in order of their names."""
        names = {link["index"]: name for name, link in self.links().items()}
        return sorted(names.get(m["index"], "?") for m in self.ip.get_addr()
                      if ip == (m.get_attr("IFA_LOCAL") or m.get_attr("IFA_ADDRESS")))

    def rename(self, ifname, name):
        """Under a kernel that renames only what is down (before 6.2) the interface goes down for it."""
        try:
            self.ip.link("set", index=self.index(ifname), ifname=name)
        except NetlinkError as error:
            if error.code != 16:  # EBUSY
                raise
            self.link_set(ifname, state="down")
            self.ip.link("set", index=self.index(ifname), ifname=name)
            self.link_set(name, state="up")
        return now()

    def holds(self, ip=VIP):
        """The interface that has the address, or None."""
        return self.addresses().get(ip, (None,))[0]

    def close(self):
        self.ip.close()
        os.close(self.fd)


class Node(Namespace):
    """A machine with NICs eno1 (a cable into sw1) and eno2 (into sw2)."""

    def __init__(self, lab, name, number, ports):
        super().__init__(lab, name)
        self.number, self.daemons = number, []
        self.ports = [f"eno{i}" for i in range(1, ports + 1)]
        self.responder = None
        for i, port in enumerate(self.ports, 1):
            lab.plug_in(self, port, f"sw{i}", f"02:00:00:00:{number:02x}:{i:02x}", index=10 * number + i)

    def cable(self, port):
        return f"{self.name}-{port}"

    def pull(self, *ports):
        """Pulls the cables (all of them without an argument) and returns the time just before."""
        at = now()
        for port in ports or self.ports:
            self.lab.switch.link_set(self.cable(port), state="down")
        return at

    def plug(self, *ports):
        at = now()
        for port in ports or self.ports:
            self.lab.switch.link_set(self.cable(port), state="up")
        return at

    def carrier(self, port):
        return self.links()[port].get_attr("IFLA_CARRIER") == 1

    def ready(self):
        """All ports administratively up, as at boot where somebody did that."""
        for port in self.ports:
            self.link_set(port, state="up")
        return self

    def answer(self):
        """Starts the responder, which also watches when addresses come and go."""
        self.responder = Instrument(self, ["answer", self.name, PORT])
        self.responder.report()  # what is there now was seen, before anything changes
        return self.responder

    def changes(self, ip=VIP, since=0, to=0):
        """[(time, added)] of the address, as the responder saw it."""
        return [(c["at"], c["added"]) for c in self.responder.report(since, to)["changes"] if c["ip"] == ip]

    def flood(self, count=2500):
        """Address changes by the thousand, as a machine with containers has them."""
        path = self.lab.directory / "flood"
        path.write_text("".join(f"address {verb} 10.{i // 250}.{i % 250}.1/32 dev lo\n" for verb in ("add", "del")
                                for i in range(count)))
        self.run("ip", "-batch", path)

    def power_off(self):
        """The node dies: nothing of it runs any more and all its cables fall silent. Returns the time just before."""
        for daemon in self.daemons:
            daemon.pause()
        at = self.pull()
        for daemon in self.daemons:
            daemon.kill9()
        return at


class Instrument:
    """A running probe.c."""

    def __init__(self, namespace, arguments):
        self.namespace = namespace
        self.process = namespace.popen([binary("tests/net/probe"), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def report(self, since=0, to=0):
        self.process.stdin.write(f"report {since} {to}\n".encode())
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the probe in {self.namespace.name} ended: {self.process.wait()}")
        return json.loads(line)

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.namespace.lab.ended(self.process)


class Window:
    """What the client saw between two times. `late` are questions that a node took in while it had the address, and that its
    responder, which had no CPU, came to when the address had gone: what a loaded machine does to a handover that is without a
    gap on the wire. They are not among the lost. Nor are up to five where the client itself, which has the highest priority, had
    no CPU for longer than a node that leaves goes on answering: the machine stood still, and what lay in its queues met a node
    that had let go meanwhile. Those are `stalled`."""

    STALL_MS, STALLED = 8, 5

    def __init__(self, report, since, to):
        self.raw, self.since, self.to = report, since, to
        self.sent, self.lost, self.late, self.doubled = (report[key] for key in ("sent", "lost", "late", "doubled"))
        self.silence_ms = report["silence_ns"] / MS
        self.outage_ms = report["outage_ns"] / MS
        self.send_gap_ms = report["send_gap_ns"] / MS
        self.stalled = self.lost if self.send_gap_ms > self.STALL_MS and self.lost <= self.STALLED else 0
        self.lost -= self.stalled
        self.by = [(b["node"], b["from"], b["to"], b["answers"]) for b in report["by"]]
        self.outages = [(o["from"], o["to"], o["lost"]) for o in report["outages"]]

    @property
    def nodes(self):
        """Who answered, in order, repeats folded."""
        return [entry[0] for entry in self.by]

    def first(self, node):
        """When the node's first answer came; None: never."""
        return next((start for name, start, _, _ in self.by if name == node), None)

    def __str__(self):
        return (f"{self.lost} of {self.sent} lost, {self.late} answered too late, {self.stalled} met a stalled machine, outage {self.outage_ms:.1f} ms, "
                f"silence {self.silence_ms:.1f} ms, answered by {' → '.join(self.nodes) or 'nobody'}, widest send gap {self.send_gap_ms:.1f} ms")

    __repr__ = __str__  # what a failed assertion shows


class Probe(Instrument):
    """A client that asks an address every `interval_us`."""

    SETTLE = 0.05  # an answer under way may still come: a window is read that much after its end

    def __init__(self, namespace, address=VIP, interval_us=500):
        super().__init__(namespace, ["ask", address, PORT, interval_us])
        self.address, self.interval_us = address, interval_us

    def window(self, since, to=None):
        if to is None:
            to = now()
        pass_time(max(0.0, (to + self.SETTLE * SECOND - now()) / SECOND))
        return Window(self.report(since, to), since, to)

    def answered_by(self, node, deadline, since=None, steady_ms=50):
        """Waits until only `node` answers, for at least steady_ms, and returns when its first answer of that run came."""
        since = now() if since is None else since

        def settled():
            by = self.report(max(since, now() - 60 * SECOND), 0)["by"]
            if by and by[-1]["node"] == node and by[-1]["to"] - by[-1]["from"] >= steady_ms * MS \
                    and now() - by[-1]["to"] < steady_ms * MS:
                return by[-1]["from"]
            return None
        return wait_for(settled, deadline, f"{self.address} answered by {node}")


class Sniffer:
    """What passes a NIC of VRRP, ARP and neighbour advertisements, with the kernel's timestamps (on CLOCK_MONOTONIC's
    scale)."""

    # Classic BPF: accept ARP; accept IPv4 protocol 112; accept IPv6 next header 112, and 58 with type 136; drop the rest before
    # it is queued.
    FILTER = [(0x28, 0, 0, 12), (0x15, 9, 0, 0x0806), (0x15, 0, 2, 0x0800), (0x30, 0, 0, 23), (0x15, 6, 7, 112),
              (0x15, 0, 6, 0x86DD), (0x30, 0, 0, 20), (0x15, 3, 0, 112), (0x15, 0, 3, 58), (0x30, 0, 0, 54), (0x15, 0, 1, 136),
              (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0)]

    def __init__(self, namespace, ifname):
        with namespace.enter():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
            code = b"".join(struct.pack("HBBI", *line) for line in self.FILTER)
            memory = ctypes.create_string_buffer(code)
            program = struct.pack("HL", len(self.FILTER), ctypes.addressof(memory))
            self.socket.setsockopt(socket.SOL_SOCKET, 26, program)  # SO_ATTACH_FILTER
            self.socket.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self.socket.bind((ifname, 3))  # ETH_P_ALL
        self.frames = []

    def drain(self):
        """All frames so far: dicts of at, mac, kind (advert, arp) and what that kind says."""
        shift = time.monotonic_ns() - time.time_ns()
        while True:
            try:
                frame, control, _, _ = self.socket.recvmsg(2048, 128)
            except BlockingIOError:
                return self.frames
            stamp = next((data for _, kind, data in control if kind == 35), None)
            seconds, nanoseconds = struct.unpack("qq", stamp)
            entry = {"at": seconds * SECOND + nanoseconds + shift, "mac": frame[6:12].hex(":")}
            self._parse(frame, entry)
            self.frames.append(entry)

    @staticmethod
    def _parse_6(frame, entry):
        source, destination = (socket.inet_ntop(socket.AF_INET6, frame[i:i + 16]) for i in (22, 38))
        body = frame[54:54 + struct.unpack("!H", frame[18:20])[0]]
        if frame[20] == 58:
            entry.update(kind="na", target=socket.inet_ntop(socket.AF_INET6, body[8:24]), destination=destination, flags=body[4],
                         ttl=frame[21], tlla=body[26:32].hex(":"))
            return
        entry.update(kind="advert", source=source, destination=destination, ttl=frame[21], version=body[0] >> 4, vrid=body[1],
                     priority=body[2], count=body[3], interval_cs=struct.unpack("!H", body[4:6])[0] & 0xFFF, bytes=body,
                     addresses=[socket.inet_ntop(socket.AF_INET6, body[i:i + 16]) for i in range(8, 8 + 16 * body[3], 16)])

    @staticmethod
    def _parse(frame, entry):
        if frame[12:14] == b"\x86\xdd":
            Sniffer._parse_6(frame, entry)
            return
        if frame[12:14] == b"\x08\x06":
            operation, sha, spa, tpa = frame[20:22], frame[22:28], frame[28:32], frame[38:42]
            entry.update(kind="arp", op=operation[1], sha=sha.hex(":"), spa=socket.inet_ntoa(spa),
                         tpa=socket.inet_ntoa(tpa), gratuitous=spa == tpa)
            return
        header = (frame[14] & 15) * 4
        vrrp = frame[14 + header:14 + struct.unpack("!H", frame[16:18])[0]]
        entry.update(kind="advert", source=socket.inet_ntoa(frame[26:30]), destination=socket.inet_ntoa(frame[30:34]),
                     ttl=frame[22], version=vrrp[0] >> 4, vrid=vrrp[1], priority=vrrp[2], count=vrrp[3],
                     interval_cs=struct.unpack("!H", vrrp[4:6])[0] & 0xFFF, bytes=vrrp,
                     addresses=[socket.inet_ntoa(vrrp[i:i + 4]) for i in range(8, 8 + 4 * vrrp[3], 4)])

    def adverts(self, source=None, since=0, to=1 << 63, vrid=None):
        return [f for f in self.drain() if f["kind"] == "advert" and source in (None, f["source"]) and since <= f["at"] < to
                and vrid in (None, f["vrid"])]

    def garps(self, ip, since=0, to=1 << 63):
        return [f for f in self.drain() if f["kind"] == "arp" and f["gratuitous"] and f["spa"] == ip and since <= f["at"] < to]

    def announcements(self, ip, since=0, to=1 << 63):
        """Unsolicited neighbour advertisements for the address."""
        return [f for f in self.drain() if f["kind"] == "na" and f["target"] == ip and not f["flags"] & 0x40
                and since <= f["at"] < to]

    def close(self):
        self.socket.close()


class Daemon:
    """A program on a node, its log in a file. Subclasses say the command and how to know that it is ready."""

    def __init__(self, node, name):
        self.node, self.lab, self.name = node, node.lab, name
        self.directory = self.lab.directory / f"{node.name}-{name}"
        self.directory.mkdir(exist_ok=True)
        self.log_path = self.directory / "log"
        self.process = None
        self.exit_status = None
        node.daemons.append(self)
        self.lab.daemons.append(self)

    def command(self):
        raise NotImplementedError

    def environment(self):
        return os.environ

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = self.node.popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env=self.environment())
        self.exit_status = None
        return self

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def pids(self):
        return [self.process.pid] if self.alive else []

    def signal(self, number):
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _reap(self, deadline):
        wait_for(lambda: self.process.poll() is not None, deadline, f"the end of {self.name} on {self.node.name}")
        self.exit_status = self.process.returncode
        self.lab.ended(self.process)
        self.process = None
        return self.exit_status

    def term(self):
        """Asks it to stop; returns the time just before."""
        at = now()
        if self.alive:
            os.kill(self.process.pid, signal.SIGTERM)
        return at

    def stop(self, deadline=20):
        """SIGTERM, and waits for the end; returns the time just before."""
        at = self.term()
        if self.process:
            self._reap(deadline)
        return at

    def kill9(self):
        pids = self.pids()
        # Stopped first, and the child before its parent: a parent would start a killed child again, and a child that sees its
        # parent die would stop gracefully.
        if len(pids) > 1:
            self.pause()
        at = now()
        for pid in reversed(pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process:
            self._reap(10)
        wait_for(lambda: not any(_running(pid) for pid in pids), 10, f"the end of {self.name} after SIGKILL")
        return at

    def pause(self):
        at = now()
        self.signal(signal.SIGSTOP)
        return at

    def overrun(self):
        """Floods the paused daemon with address changes until the kernel has lost some for it."""
        def lost():
            self.node.flood()
            rows = [line.split() for line in self.node.run("cat", "/proc/net/netlink").stdout.splitlines()[1:]]
            # Protocol, groups joined, messages dropped; the responder of the lab has a buffer that holds them all.
            return any(row[1] == "0" and int(row[3], 16) and int(row[8]) for row in rows)
        wait_for(lost, 20, f"an overrun of {self.name}'s event socket")

    def resume(self):
        at = now()
        self.signal(signal.SIGCONT)
        return at

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def close(self):
        if self.process:
            self.kill9()


def _running(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


class Standbyd(Daemon):
    """standbyd with a configuration text; `start` returns when it says READY."""

    def __init__(self, node, config, name="standbyd"):
        super().__init__(node, name)
        self.config_path = self.directory / "standbyd.yaml"
        self.rundir = self.directory / "run"
        self.rundir.mkdir(exist_ok=True)
        self.write(config)
        self.notify_path = str(self.directory / "notify")
        # How much this supervisor leaves unread before a sender would have to wait is its namespace's setting.
        with node.enter():
            self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.notify.bind(self.notify_path)

    def write(self, config):
        self.config = config
        self.config_path.write_text(config)

    def command(self):
        return [binary("standbyd"), "-f", self.config_path, "-r", self.rundir, "--runner", binary("standby-runner")]

    def environment(self):
        return {**os.environ, "NOTIFY_SOCKET": self.notify_path}

    def notified(self):
        words = []
        with contextlib.suppress(BlockingIOError):
            while True:
                words += self.notify.recv(4096).decode().split("\n")
        return words

    def start(self, ready=True, deadline=20):
        self.notified()
        super().start()

        def is_ready():
            if not self.alive:
                raise RuntimeError(f"standbyd on {self.node.name} ended with {self.process.poll()}:\n{self.log()}")
            return "READY=1" in self.notified()
        if ready:
            wait_for(is_ready, deadline, f"READY from standbyd on {self.node.name}")
        return self

    def ctl(self, *arguments):
        return subprocess.run([binary("standbyctl"), "-r", str(self.rundir), *map(str, arguments)], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=20)

    def call(self, method, **parameters):
        """One Varlink call; its parameters back."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(10)
            s.connect(str(self.rundir / "io.standbyd"))
            s.sendall(json.dumps({"method": f"io.standbyd.{method}", "parameters": parameters}).encode() + b"\0")
            reply = b""
            while not reply.endswith(b"\0"):
                part = s.recv(1 << 16)
                if not part:
                    raise ConnectionError("the control socket closed")
                reply += part
        message = json.loads(reply[:-1])
        if "error" in message:
            raise RuntimeError(message)
        return message["parameters"]

    def status(self):
        done = self.call("Status")
        return done.get("status", done)

    def vip(self, name="web"):
        return next((vip for vip in self.status()["vips"] if vip["name"] == name), None)

    def bond(self, name="bond0"):
        return next((bond for bond in self.status()["bonds"] if bond["name"] == name), None)

    def state(self, name="web"):
        return (self.vip(name) or {}).get("state")

    def wait_state(self, state, deadline=15, name="web"):
        wait_for(lambda: self.state(name) == state, deadline, f"{name} {state} on {self.node.name}")
        return self

    def events(self):
        """The daemon's remembered events, oldest first."""
        done = self.ctl("events", "--json")
        if done.returncode:
            raise RuntimeError(done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]

    def close(self):
        super().close()
        self.notify.close()


class Keepalived(Daemon):
    """keepalived, its VRRP part only, with own pid files; `start` returns when its VRRP process runs."""

    def __init__(self, node, instances, name="keepalived"):
        super().__init__(node, name)
        self.config_path = self.directory / "keepalived.conf"
        self.write(instances)

    def write(self, instances):
        self.config_path.write_text("global_defs {\n  router_id " + self.node.name + "\n  vrrp_version 3\n}\n" + instances)

    def command(self):
        program = shutil.which("keepalived", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        return [program or "keepalived", "-f", self.config_path, "-n", "-l", "--no-syslog", "-D", "-P", "-p", self.directory / "pid",
                "-r", self.directory / "vrrp.pid"]

    def _child(self):
        try:
            pid = int((self.directory / "vrrp.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if _running(pid) else None

    def pids(self):
        return super().pids() + [pid for pid in [self._child()] if pid]

    def start(self, ready=True, deadline=10):
        (self.directory / "vrrp.pid").unlink(missing_ok=True)
        super().start()
        if ready:
            wait_for(self._child, deadline, f"keepalived's VRRP process on {self.node.name}")
        return self


class Frr(Daemon):
    """FRR's vrrpd beside the zebra that it needs, with sockets and pid files of their own; `start` returns when vrrpd runs.

    It wants a macvlan with the virtual MAC and the addresses for each virtual router. While it is backup the kernel keeps that
    without carrier (protodown) but with its addresses: who holds them is told by who answers alone. `stop` is vrrpd's alone, as
    its goodbye is."""

    PROGRAMS = Path("/usr/lib/frr")

    @staticmethod
    def refused():
        """Why FRR cannot run here; None: it can."""
        if Path("/proc/self/setgroups").read_text().strip() == "allow":
            return None
        return "FRR changes its groups, which an unprivileged user namespace forbids: run the tests as root"

    def __init__(self, node, addresses, interface="eno1", vrid=51, priority=100, advert_ms=1000, version=3, name="frr"):
        super().__init__(node, name)
        shutil.chown(self.directory, "frr", "frr")
        self.zebra, self.interface = None, interface
        family = 6 if ":" in addresses[0] else 4
        self.addresses = (link_local_of(vrid), *addresses) if family == 6 else addresses
        self._macvlan(f"vrrp{family}-{vrid}", f"00:00:5e:00:{1 if family == 4 else 2:02x}:{vrid:02x}")
        own = f" vrrp {vrid} "
        lines = [f"{own}version {version}", f"{own}priority {priority}", f"{own}advertisement-interval {advert_ms}"]
        lines += [f"{own}{'ip' if family == 4 else 'ipv6'} {address}" for address in self.addresses]
        (self.directory / "vrrpd.conf").write_text("\n".join([f"interface {interface}", *lines, ""]))
        (self.directory / "zebra.conf").touch()

    def _macvlan(self, ifname, mac):
        self.node.run("ip", "link", "add", ifname, "link", self.interface, "address", mac, "type", "macvlan", "mode", "bridge")
        self.node.run("ip", "link", "set", ifname, "addrgenmode", "random")
        for key in (self.interface, ifname):
            # Otherwise a backup answers ARP for what its device without carrier has.
            self.node.sysctl(f"ipv4/conf/{key}/arp_ignore", 1)
            self.node.sysctl(f"ipv4/conf/{key}/rp_filter", 2)
        for address in self.addresses:
            self.node.address(ifname, f"{address}/{128 if ':' in address else 32}")
        self.node.link_set(ifname, state="up")

    def _command(self, program):
        there = self.directory
        return [self.PROGRAMS / program, "-u", "frr", "-g", "frr", "-f", there / f"{program}.conf", "-i", there / f"{program}.pid",
                "-z", there / "zserv", "--vty_socket", there, "-P", "0", "--log", "stdout"]

    def command(self):
        return self._command("vrrpd")

    def start(self, ready=True, deadline=10):
        (self.directory / "vrrpd.vty").unlink(missing_ok=True)
        if self.zebra is None:
            (self.directory / "zserv").unlink(missing_ok=True)
            with open(self.log_path, "ab") as log:
                self.zebra = self.node.popen(self._command("zebra"), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            wait_for((self.directory / "zserv").exists, deadline, f"zebra's socket on {self.node.name}")
        super().start()
        if ready:
            wait_for((self.directory / "vrrpd.vty").exists, deadline, f"vrrpd on {self.node.name}")
        return self

    def pids(self):
        return super().pids() + ([self.zebra.pid] if self.zebra and self.zebra.poll() is None else [])

    def log(self):
        return "".join(line for line in super().log().splitlines(True) if "Refusing to start" not in line)

    def kill9(self):
        at = super().kill9()
        if self.zebra:
            self.zebra.wait()
            self.lab.ended(self.zebra)
            self.zebra = None
        return at

    def close(self):
        if self.process or self.zebra:
            self.kill9()


def link_local_of(vrid):
    """The link-local address that an IPv6 vip has by its vrid."""
    return f"fe80::200:5eff:fe00:2{vrid:02x}"


def keepalived_instance(name="web", interface="eno1", vrid=51, priority=100, advert=1, addresses=(VIP,), extra=""):
    if ":" in addresses[0] and not addresses[0].startswith("fe80:"):
        addresses = (link_local_of(vrid), *addresses)
    listed = "".join(f"    {a}/{'128' if ':' in a else '32'}\n" for a in addresses)
    return (f"vrrp_instance {name} {{\n  interface {interface}\n  virtual_router_id {vrid}\n  priority {priority}\n"
            f"  advert_int {advert}\n  state BACKUP\n{extra}  virtual_ipaddress {{\n{listed}  }}\n}}\n")


class Lab:
    """Switches, nodes and a client. Use it as a context manager."""

    def __init__(self, names=("lb1", "lb2"), ports=2):
        self.directory = Path(tempfile.mkdtemp(prefix=f"standbyd-lab-{os.getpid()}-"))
        # A daemon that gave up its privileges still has to reach its files.
        self.directory.chmod(0o755)
        self.guard, self.namespaces, self.daemons, self.closers = Guard(), [], [], []
        atexit.register(self.close)
        try:
            self._build(names, ports)
        except BaseException:
            self.close()
            raise

    def _build(self, names, ports):
        self.switch = self._keep(Namespace(self, "switch"))
        for i in range(1, ports + 1):
            self.switch.ip.link("add", ifname=f"sw{i}", kind="bridge", address=f"02:00:00:00:ff:{i:02x}", br_stp_state=0,
                                br_forward_delay=0, br_mcast_snooping=0)
            self.switch.link_set(f"sw{i}", state="up")
        if ports > 1:
            self.switch.ip.link("add", ifname="uplink1", kind="veth", peer={"ifname": "uplink2"})
            for i in (1, 2):
                self.switch.link_set(f"uplink{i}", master=self.switch.index(f"sw{i}"), state="up")
        self.nodes = [self._keep(Node(self, name, number, ports)) for number, name in enumerate(names, 1)]
        for node in self.nodes:
            setattr(self, node.name, node)
        self.client = self._keep(Namespace(self, "client"))
        self.plug_in(self.client, "cli0", "sw1", "02:00:00:00:c1:01", index=201)
        self.client.link_set("cli0", state="up")
        self.client.address("cli0", "192.0.2.200/24")
        with contextlib.suppress(NetlinkError):
            self.client.address("cli0", "2001:db8::200/64")

    def _keep(self, namespace):
        self.namespaces.append(namespace)
        return namespace

    def plug_in(self, namespace, ifname, bridge, mac, index, plain=False):
        """A cable between a NIC and a switch. The two ends must never have one ifindex, for the kernel would then delay their
        carrier events like a plain NIC's (net/core/link_watch.c, linkwatch_urgent_event), unless that is wanted: plain."""
        end = f"{namespace.name}-{ifname}"
        if plain:
            self.switch.run("ip", "link", "add", "name", end, "index", index, "type", "veth", "peer", "name", ifname, "index", index,
                            "address", mac, "netns", f"/proc/{os.getpid()}/fd/{namespace.fd}")
        else:
            self.switch.ip.link("add", ifname=end, kind="veth", peer={"ifname": ifname, "net_ns_fd": namespace.fd, "address": mac,
                                                                    "index": index})
        if (self.switch.index(end) == namespace.index(ifname)) != plain:
            raise RuntimeError(f"the ends of {end} have ifindex {self.switch.index(end)} and {namespace.index(ifname)}")
        self.switch.link_set(end, master=self.switch.index(bridge), state="up")

    def started(self, process):
        self.guard.tell("add", process.pid)

    def ended(self, process):
        self.guard.tell("del", process.pid)

    def answer(self):
        for node in self.nodes:
            node.answer()
        return self

    def probe(self, address=VIP, interval_us=500, namespace=None):
        probe = Probe(namespace or self.client, address, interval_us)
        self.closers.append(probe)
        return probe

    def sniff(self, namespace=None, ifname="cli0"):
        sniffer = Sniffer(namespace or self.client, ifname)
        self.closers.append(sniffer)
        return sniffer

    def overlaps(self, since, to=0, ip=VIP):
        """Longest time in ns that two nodes had the address at once, within [since, to]."""
        to = to or now()
        changes = sorted((at, node.number, added) for node in self.nodes for at, added in node.changes(ip, 0, to))
        holders, longest, start = set(), 0, None
        for at, number, added in [*changes, (to, None, None)]:
            if start is not None:
                longest = max(longest, at - max(start, since))
            if number is not None:
                (holders.add if added else holders.discard)(number)
            start = (at if start is None else start) if len(holders) > 1 else None
        return longest

    def logs(self):
        return {f"{d.node.name} {d.name}": d.log() for d in self.daemons}

    def close(self):
        """Ends all that was started and removes all that was made. May be called twice."""
        atexit.unregister(self.close)
        for thing in [*self.closers, *[n.responder for n in getattr(self, "nodes", []) if n.responder], *self.daemons]:
            thing.close()
        self.closers, self.daemons = [], []
        for node in getattr(self, "nodes", []):
            node.responder = None
        while self.namespaces:
            self.namespaces.pop().close()
        self.guard.close()
        if not os.environ.get("LAB_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def die_on_signals():
    """SIGTERM and SIGHUP end a program the ordinary way, with all its cleanup."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _: sys.exit(128 + n))
