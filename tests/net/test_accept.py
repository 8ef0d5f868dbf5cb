# SPDX-License-Identifier: GPL-2.0-or-later
"""accept: false (RFC 9568, Accept_Mode): the holder answers for the addresses' MAC and forwards, and takes no packet to them."""
import json
import socket

import pytest

from conftest import Pair
from lab import VIP, VIP6, wait_for


def tables(node):
    return [t["table"]["name"] for t in json.loads(node.run("nft", "-j", "list", "tables").stdout)["nftables"] if "table" in t]


class Closed(Pair):
    """Both nodes take no packets to the vip; lb1 is active."""

    def start(self):
        self.d1.start().wait_state("active")
        self.d2.start().wait_state("backup")
        return self

    def known(self, ip):
        return next((n.get_attr("NDA_LLADDR") for n in self.lab.client.ip.get_neighbours(dst=ip)), None)

    def answers(self, ip):
        """Whether the client's attempt to connect is answered, if only by a refusal."""
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        with self.lab.client.enter(), socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(1)
            try:
                s.connect((ip, 9))
            except ConnectionRefusedError:
                return True
            except OSError:
                return False
        return True


@pytest.fixture
def closed(make_lab):
    return lambda **options: Closed(make_lab(ports=1), **{"accept": "false", **options}).start()


@pytest.mark.parametrize("vip, own", [(VIP, "192.0.2.11"), (VIP6, "2001:db8::11")], ids=["ipv4", "ipv6"])
def test_takes_none_and_answers_for_the_mac(closed, vip, own):
    two = closed(addresses=(vip,))
    assert two.d1.vip()["accept"] is False and len(tables(two.n1)) == len(tables(two.n2)) == 1
    assert not two.answers(vip), "a packet to the vip is dropped"
    assert two.known(vip) == two.n1.mac("eno1"), "and its MAC address was told"
    assert two.answers(own), "what is for the node itself is taken"
    assert not two.lab.client.run("ping", "-c1", "-W1", vip, check=False).returncode == 0
    with two.n1.enter(), socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(1)
        with pytest.raises(ConnectionRefusedError):
            s.connect((vip, 9))  # the node itself reaches it


def test_reload_stop_and_crash(closed):
    two = closed()
    two.d1.write(two.config(two.n1, 200, accept="true"))
    assert two.d1.ctl("reload").returncode == 0
    assert two.d1.vip()["accept"] is True and not tables(two.n1)
    assert two.answers(VIP)
    two.d1.write(two.config(two.n1, 200))
    assert two.d1.ctl("reload").returncode == 0
    assert not two.answers(VIP)
    two.d1.kill9()
    assert tables(two.n1), "a crash leaves it"
    two.d1.start().wait_state("active")
    assert not two.answers(VIP) and len(tables(two.n1)) == 1
    two.d1.kill9()
    two.d1.write(two.config(two.n1, 200, accept="true"))
    two.d1.start().wait_state("active")
    assert not tables(two.n1) and two.answers(VIP), "a successor that needs none takes it away"
    two.d2.stop()
    assert not tables(two.n2)


def test_other_tables_are_left_alone(closed):
    two = closed()
    two.n1.run("nft", "add", "table", "inet", "somebody")
    two.d1.stop()
    assert tables(two.n1) == ["somebody"]


def test_without_a_filter_there_is_no_such_vip(make_lab):
    """Rather than take packets that it is not to take, a reload changes nothing and the daemon does not start."""
    two = Closed(make_lab(ports=1), accept="true").start()
    two.d1.write(two.config(two.n1, 200, accept="false"))
    two.d1.rundir.joinpath("filter").mkdir()  # the note of it cannot be made
    done = two.d1.ctl("reload")
    assert done.returncode == 4 and "packet filter" in done.stderr, done
    assert two.d1.vip()["state"] == "active" and two.d1.vip()["accept"] is True
    two.d1.stop()
    two.d1.start(ready=False)
    wait_for(lambda: not two.d1.alive, 5, "it ends")
    assert two.d1.process.returncode == 1 and "packet filter" in two.d1.log()
    two.d1.rundir.joinpath("filter").rmdir()
    two.d1.start().wait_state("active")
    wait_for(lambda: not two.n2.holds(VIP), 5, "the other has let go")  # until then it answers too
    assert not two.answers(VIP)
