# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of bonds that are devices share: a configuration, the kernel's own words, and a node whose bond runs."""
import os
import re
import socket
import threading

from conftest import INTERVAL_US, vip_config
from lab import VIP, Standbyd, now, wait_for

DRIVERS = ("kernel", "team")
OWN, OWN6 = "192.0.2.11", "2001:db8::11"


def bond_config(node, driver="kernel", vip=True, priority=200, advert="100ms", ports="[eno1, eno2]", addresses=None,
                routes="[{to: default, via: 192.0.2.200}]", more="", **keys):
    """bond0 with a vip on it; `keys` are further keys of the bond with '_' for '-', `more` is put behind the bond's."""
    keys = {"hold": "500ms", "failback": "better", "prefer": "eno1", "damping": "false", **keys}
    if addresses is None:
        addresses = f"[192.0.2.{10 + node.number}/24, \"2001:db8::{10 + node.number}/64\"]"
    text = f"version: 1\nnode: {node.name}\nbonds:\n  bond0:\n    driver: {driver}\n    ports: {ports}\n"
    text += f"    addresses: {addresses}\n" if addresses else ""
    text += f"    routes: {routes}\n" if routes else ""
    text += "".join(f"    {key.replace('_', '-')}: {value}\n" for key, value in keys.items() if value is not None)
    return text + more + ("vips:\n" + vip_config(node, on="bond0", priority=priority, advert=advert) if vip else "")


# ---- the kernel's own words

def kind(node, ifname="bond0"):
    link = node.links().get(ifname)
    return link.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_KIND") if link and link.get_attr("IFLA_LINKINFO") else None


def info(node, ifname="bond0"):
    """A bond's mode, miimon, primary, active_slave (a name)."""
    links = node.links()
    link = links.get(ifname)
    if not link or kind(node, ifname) != "bond":
        return {}
    data = link.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_DATA")
    if data is None:  # it is just being deleted
        return {}
    words = {key: data.get_attr(f"IFLA_BOND_{key.upper()}") for key in ("mode", "miimon", "primary", "active_slave", "primary_reselect")}
    words["active_slave"] = {link["index"]: name for name, link in links.items()}.get(words["active_slave"])
    return words


def enslaved(node, ifname="bond0"):
    links = node.links()
    master = links[ifname]["index"] if ifname in links else -1
    return sorted(name for name, link in links.items() if link.get_attr("IFLA_MASTER") == master)


def team_option(node, name, value=None, ifname="bond0"):
    """Reads or writes an option of a team; a port's is "enabled --port=NAME" as teamnl has it."""
    if value is not None:
        return node.run("teamnl", ifname, "setoption", name, value)
    done = node.run("teamnl", ifname, "getoption", name, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def kernel_active(node, driver):
    """The name of the port that the device itself uses, or None."""
    if driver == "kernel":
        return info(node).get("active_slave")
    index = team_option(node, "activeport")
    names = {link["index"]: name for name, link in node.links().items()}
    return names.get(int(index)) if index and index.isdigit() else None


def is_right(node, driver):
    if driver == "kernel":
        return info(node).get("mode") == 1
    return kind(node) == "team" and team_option(node, "mode") == "activebackup"


def create(node, driver, mode=None, ports=("eno1", "eno2"), up=True):
    """A bond or team as somebody else makes it, with the node's IPv4 address and a default route."""
    if driver == "kernel":
        node.run("ip", "link", "add", "bond0", "type", "bond", "mode", mode or "active-backup", "miimon", "100")
    else:
        node.run("ip", "link", "add", "bond0", "type", "team")
        team_option(node, "mode", mode or "activebackup")
    for port in ports:
        node.run("ip", "link", "set", port, "down")
        node.run("ip", "link", "set", port, "master", "bond0")
        if driver == "team":  # which leaves that to whoever runs it
            node.run("ip", "link", "set", port, "address", node.mac("bond0"))
    if not up:
        return node.index("bond0")
    node.run("ip", "link", "set", "bond0", "up")
    if driver == "team" and not mode and ports:
        team_option(node, "activeport", node.index(ports[0]))
    node.address("bond0", f"192.0.2.{10 + node.number}/24")
    node.run("ip", "route", "add", "default", "via", "192.0.2.200", "dev", "bond0")
    return node.index("bond0")


def routes(node, *what):
    return node.run("ip", *what).stdout


# ---- a node whose bond runs

class Bonded:
    """lb1 with a bond and a vip on it, held alone, and a client that asks `ask`."""

    def __init__(self, lab, driver="kernel", prepare=None, ask=VIP, config=None, up=True, **keys):
        self.lab, self.node, self.driver, self.keys = lab, lab.lb1, driver, keys
        self.vip = keys.get("vip", True)
        self.prepared = prepare(self.node) if prepare else None
        lab.answer()
        self.since = now()
        self.daemon = Standbyd(self.node, config or self.config()).start()
        if self.vip:
            self.daemon.wait_state("active", 20)
        if up:
            self.up()
        self.probe = None
        if ask:
            self.probe = lab.probe(ask, interval_us=INTERVAL_US)
            self.probe.answered_by("lb1", 10)

    def config(self, **keys):
        return bond_config(self.node, self.driver, **{**self.keys, **keys})

    def up(self, deadline=10):
        wait_for(lambda: self.daemon.bond()["state"] == "up", deadline, "the bond is up")

    def on(self, ifname, deadline=5):
        wait_for(lambda: self.daemon.bond()["active_port"] == ifname, deadline, f"standbyd's active port is {ifname}")
        wait_for(lambda: kernel_active(self.node, self.driver) == ifname, deadline, f"the device's active port is {ifname}")

    def port(self, name, bond="bond0"):
        return next((port for port in self.daemon.bond(bond)["ports"] if port["name"] == name), {"state": "absent"})

    def reload(self, config=None, **keys):
        """Returns the time just before."""
        self.daemon.write(config or self.config(**keys))
        at = now()
        done = self.daemon.ctl("reload")
        assert done.returncode == 0, done.stdout + done.stderr
        return at

    def diff(self, config):
        """What `standbyctl diff FILE` says."""
        path = self.daemon.directory / "other.yaml"
        path.write_text(config)
        done = self.daemon.ctl("diff", path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def said(self, pattern, since=0, deadline=5):
        """Waits until `standbyctl events` tells of it, and returns the line."""
        def find():
            return next((line for line in self.daemon.ctl("events").stdout.splitlines()[since:] if re.search(pattern, line)), None)
        return wait_for(find, deadline, f"an event that says {pattern}")

    def n_said(self):
        return len(self.daemon.ctl("events").stdout.splitlines())


class Talk:
    """A TCP session between the client and a node that sends a byte and waits for its echo, again and again."""

    def __init__(self, lab, node, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with node.enter():
            self.listener = socket.create_server(("", 4499), family=family)
        with lab.client.enter():
            self.client = socket.create_connection((address, 4499), 5)
        self.server, _ = self.listener.accept()
        self.client.settimeout(10)
        self.thread = threading.Thread(target=self._echo, daemon=True)
        self.thread.start()
        lab.closers.append(self)

    def _echo(self):
        try:
            while data := self.server.recv(100):
                self.server.sendall(data)
        except OSError:
            pass

    def works(self):
        word = os.urandom(16)
        self.client.sendall(word)
        got = b""
        while len(got) < len(word):
            part = self.client.recv(100)
            if not part:
                return False
            got += part
        return got == word

    def close(self):
        self.client.close()
        self.thread.join(5)
        self.server.close()
        self.listener.close()
