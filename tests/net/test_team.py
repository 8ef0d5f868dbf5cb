# SPDX-License-Identifier: GPL-2.0-or-later
"""Bond driver `team`: the team driver, as a client of its address sees it."""
import pytest

from conftest import INTERVAL_US
from lab import Standbyd, now, wait_for

# The same kernels have it that have bonding.
pytestmark = pytest.mark.bonding

ADDRESS = "192.0.2.11"


def team_config(node, **keys):
    keys = {"ports": "[eno1, eno2]", "hold": "300ms", "failback": "better", "prefer": "eno1", "damping": "false", **keys}
    return (f"version: 1\nnode: {node.name}\nbonds:\n  team0:\n    driver: team\n    addresses: [{ADDRESS}/24]\n"
            + "".join(f"    {key}: {value}\n" for key, value in keys.items()))


class Teamed:
    def __init__(self, lab, **keys):
        self.node = lab.lb1
        lab.answer()
        self.daemon = Standbyd(self.node, team_config(self.node, **keys)).start()
        self.on("eno1", 10)
        self.probe = lab.probe(ADDRESS, INTERVAL_US)
        self.probe.answered_by("lb1", 10)

    def on(self, port, deadline=5):
        wait_for(lambda: self.daemon.bond("team0")["active_port"] == port, deadline, f"standbyd's active port is {port}")

    def macs(self):
        return {self.node.mac(name) for name in ("team0", "eno1", "eno2")}


@pytest.fixture
def teamed(make_lab):
    return lambda **keys: Teamed(make_lab(names=("lb1",)), **keys)


def test_ports_have_the_teams_mac_whoever_changes_it(teamed):
    one = teamed()
    wait_for(lambda: len(one.macs()) == 1, 5, "one MAC on the team and its ports")
    one.node.run("ip", "link", "set", "eno2", "address", "02:00:00:00:99:02")
    wait_for(lambda: len(one.macs()) == 1, 5, "a port's MAC is put back")
    fixed = "02:00:00:00:77:01"
    one.daemon.write(team_config(one.node, mac=f'"{fixed}"'))
    assert one.daemon.ctl("reload").returncode == 0
    wait_for(lambda: one.macs() == {fixed}, 5, "a new MAC is on the team and its ports")
    one.probe.answered_by("lb1", 5, now())


def test_a_port_that_is_dropped_is_as_it_was(teamed):
    one = teamed()
    wait_for(lambda: len(one.macs()) == 1, 5, "one MAC on the team and its ports")
    assert one.node.sysctl("ipv6/conf/eno2/disable_ipv6") == "1", "a standby says nothing by itself"
    one.daemon.write(team_config(one.node, ports="[eno1]"))
    assert one.daemon.ctl("reload").returncode == 0
    wait_for(lambda: one.node.links()["eno2"].get_attr("IFLA_MASTER") is None, 5, "eno2 is no port any more")
    wait_for(lambda: one.node.sysctl("ipv6/conf/eno2/disable_ipv6") == "0", 5, "eno2 has IPv6")
    assert one.node.mac("eno2") == "02:00:00:00:01:02"
