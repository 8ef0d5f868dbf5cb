# SPDX-License-Identifier: GPL-2.0-or-later
"""Who sends and receives adverts and heartbeats allocates nothing for them."""
import struct

import pytest

from conftest import plain_config, vip_config
from lab import Standbyd, binary, pass_time, wait_for
from test_nodes import KEY_A, Cluster

VIPS = 20
COUNTS = struct.Struct("=QQQ")


class Counted(Standbyd):
    """Loads count_allocations.c, which writes what it counts where we read it."""

    def environment(self):
        self.counts = self.directory / "counts"
        self.counts.write_bytes(bytes(COUNTS.size))
        return {**super().environment(), "LD_PRELOAD": binary("tests/net/count_allocations.so"), "COUNT_ALLOCATIONS": str(self.counts)}

    def read(self):
        return COUNTS.unpack(self.counts.read_bytes())


def assert_allocates_nothing(daemon, sent=0, received=0):
    """So many packets without one allocation. Other work may be done in between, as is what is left of a start, and the renewal of an
    address that is held for a time: then it counts anew."""
    begin = daemon.read()
    assert begin[0] > 0  # it does count

    def passed():
        nonlocal begin
        pass_time(0.02)
        at = daemon.read()
        if at[0] != begin[0]:
            begin = at
        return at[1] - begin[1] >= sent and at[2] - begin[2] >= received
    wait_for(passed, 30, f"{sent + received} packets without an allocation on {daemon.node.name}")


@pytest.mark.parametrize("family", (4, 6))
def test_adverts_cost_no_allocation(make_lab, family):
    lab = make_lab()
    addresses = "198.18.1.{}" if family == 4 else "2001:db8:1::{}"
    daemons = []
    for node, priority in ((lab.lb1, 200), (lab.lb2, 100)):
        node.ready()
        node.address("eno1", f"192.0.2.{10 + node.number}/24")
        vips = [vip_config(node, name=f"v{i}", vrid=i, priority=priority, advert="10ms", addresses=(addresses.format(i),))
                for i in range(1, VIPS + 1)]
        daemons.append(Counted(node, plain_config(node, *vips)).start())
        if len(daemons) == 1:
            for i in range(1, VIPS + 1):
                daemons[0].wait_state("active", name=f"v{i}")
    assert_allocates_nothing(daemons[0], sent=1000)
    assert_allocates_nothing(daemons[1], received=1000)


def test_heartbeats_cost_no_allocation(make_lab):
    class Beating(Cluster):
        def config(self, daemon, *arguments, **options):
            return super().config(daemon, *arguments, **options) + (
                "vips:\n  web: {on: eno1, protocol: heartbeat, priority: {lb1: 200, lb2: 100}, addresses: [\"198.18.1.1\"]}\n")
    cluster = Beating(make_lab(), keys=KEY_A, heartbeat="interval: 10ms", kind=Counted).start()
    cluster.d1.wait_state("active")
    for daemon in cluster.daemons:
        assert_allocates_nothing(daemon, sent=100, received=100)
