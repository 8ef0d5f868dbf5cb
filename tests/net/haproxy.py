# SPDX-License-Identifier: GPL-2.0-or-later
"""HAProxy on the lab's nodes, as contrib/examples/haproxy has it, and a client that makes one request after the other."""
import os
import shutil
import socket
import threading
import time
from pathlib import Path

from lab import MS, VIP, Daemon, binary, now, wait_for

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "contrib/examples/haproxy"
PROGRAM = "/usr/sbin/haproxy"


class HAProxy(Daemon):
    """With the example's configuration; every answer says the node's name. The process is called haproxy-NODE, because all nodes
    share the machine's processes. `start` returns when it answers."""

    def __init__(self, node):
        super().__init__(node, "haproxy")
        self.program = self.directory / f"haproxy-{node.name}"
        self.program.symlink_to(PROGRAM)
        self.config_path = self.directory / "haproxy.cfg"
        text = (EXAMPLE / "haproxy.cfg").read_text()
        self.config_path.write_text(text.replace("/run/haproxy/admin.sock", str(self.directory / "admin.sock"))
                                    .replace("%H", node.name))

    def command(self):
        return [self.program, "-db", "-f", self.config_path]

    def start(self, deadline=10):
        super().start()

        def answers():
            with self.node.enter(), socket.socket() as s:
                s.settimeout(1)
                return s.connect_ex(("127.0.0.1", 80)) == 0
        wait_for(answers, deadline, f"HAProxy on {self.node.name}")
        return self


def example_text(node, key_path):
    """The example's configuration for a lab, whose kernel may have no bonding driver."""
    text = (EXAMPLE / "standbyd.yaml").read_text()
    text = text.replace("{name: haproxy}", f"{{name: haproxy-{node.name}}}")
    return text.replace("version: 1\n", f"version: 1\nnode: {node.name}\n", 1).replace("driver: kernel", "driver: move") \
        .replace("/etc/standbyd/cluster.key", str(key_path))


def make_key(lab):
    path = lab.directory / "cluster.key"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(lab.client.run(binary("standbyctl"), "keygen").stdout)
    return path


class Client(threading.Thread):
    """Asks for the page at the vip, one request after the other, each on a connection of its own. A request that is not answered
    within `timeout` has failed, and so has one that is refused."""

    def __init__(self, lab, timeout=0.5, pause=0.002):
        super().__init__(daemon=True)
        self.lab, self.timeout, self.pause, self.requests, self.over = lab, timeout, pause, [], threading.Event()
        lab.closers.append(self)
        self.start()

    def _ask(self):
        """The name of the node that answered; None: nobody did."""
        try:
            with socket.create_connection((VIP, 80), timeout=self.timeout) as s:
                s.sendall(b"GET / HTTP/1.0\r\n\r\n")
                answer = b""
                while part := s.recv(4096):
                    answer += part
        except OSError:
            return None
        head, _, body = answer.partition(b"\r\n\r\n")
        return body.decode().strip() if head.split()[1:2] == [b"200"] else None

    def run(self):
        with self.lab.client.enter():
            while not self.over.is_set():
                began = now()
                by = self._ask()
                self.requests.append((began, now(), by))
                time.sleep(self.pause)

    def failed(self, since):
        """How many of the requests that were under way then or later were not answered."""
        return sum(by is None for _, ended, by in list(self.requests) if ended >= since)

    def outage_ms(self, since):
        """From the first request that failed to the next that did not; the longest one."""
        longest, start = 0, None
        for began, ended, by in [r for r in list(self.requests) if r[1] >= since]:
            if by is None:
                start = began if start is None else start
            elif start is not None:
                longest, start = max(longest, began - start), None
        return max(longest, now() - start if start is not None else 0) / MS

    def answered_by(self, node, deadline, since=None, steady_ms=200):
        """Waits until only that node answers, for at least steady_ms."""
        since = now() if since is None else since

        def settled():
            recent = [r for r in self.requests[-200:] if r[1] >= max(since, now() - steady_ms * MS)]
            return len(recent) > 5 and now() - since > steady_ms * MS and all(by == node for _, _, by in recent)
        return wait_for(settled, deadline, f"{VIP} answered by HAProxy on {node}")

    def close(self):
        self.over.set()
        self.join(10)


def refused(*more):
    """Why this cannot run here: HAProxy or another of these programs is missing. None: it can."""
    missing = [p for p in (PROGRAM, *more) if not shutil.which(p)]
    return f"{', '.join(missing)} is not installed" if missing else None
