# SPDX-License-Identifier: GPL-2.0-or-later
"""contrib/examples/haproxy with real HAProxy: the address is where it answers, and how many requests a failure costs."""
import pytest

from conftest import slack_ms
from haproxy import Client, HAProxy, example_text, make_key, refused
from lab import Standbyd, now, wait_for

# The example's check: fall × interval, of the runs before the last one each may start later by the jitter, and the timeout.
NOTICED_MS = 2 * (200 + 20) + 150
ENDED_MS = 10  # of a process: its end is an event
HEARD_MS = 3 * 100  # the example's heartbeats
TIMEOUT_MS = 500  # of the client: a request that was under way when the address moved

pytestmark = pytest.mark.skipif(refused() is not None, reason=refused() or "")


class Service:
    """The example on both nodes; lb1 holds the address, and the client asks it."""

    def __init__(self, lab):
        self.lab, (self.n1, self.n2) = lab, lab.nodes
        key = make_key(lab)
        self.h1, self.h2 = (HAProxy(node.ready()) for node in lab.nodes)
        self.h1.start()
        self.h2.start()
        self.d1, self.d2 = (Standbyd(node, example_text(node, key)) for node in lab.nodes)
        self.d1.start()
        self.d2.start()
        self.client = Client(lab, timeout=TIMEOUT_MS / 1000)
        self.settle()

    def settle(self):
        self.d1.wait_state("active")
        self.d2.wait_state("backup")
        self.client.answered_by("lb1", 20)

    def moved(self, since, bound_ms):
        self.client.answered_by("lb2", 20, since)
        assert self.client.failed(since) > 0, "nothing failed: the fault was none"
        assert self.client.outage_ms(since) <= bound_ms + TIMEOUT_MS + slack_ms()


@pytest.fixture
def service(make_lab):
    return Service(make_lab())


def test_haproxy_killed_and_back(service):
    service.moved(service.h1.kill9(), ENDED_MS)
    assert service.d1.vip()["reason_code"] == "required"
    assert "haproxy" in service.d1.vip()["reason"]
    since = now()
    service.h1.start()
    service.settle()
    # Only to one that answers: the request that is under way on the other node, if there is one, loses its connection.
    assert service.client.failed(since) <= 1


def test_haproxy_hangs(service):
    """Its port still accepts connections, and its process is there."""
    service.moved(service.h1.pause(), NOTICED_MS)
    service.h1.resume()
    service.settle()


def test_the_node_dies(service):
    service.moved(service.n1.power_off(), HEARD_MS)


def test_haproxy_fails_where_the_address_is_not(service):
    """The backup says so, and nobody notices."""
    since = service.h2.kill9()
    service.d2.wait_state("fault")
    service.h2.start()
    service.d2.wait_state("backup")
    assert service.client.failed(since) == 0 and service.d1.state() == "active"


def test_both_fail(service):
    """Nobody holds the address, and the first one that is well again does."""
    service.h2.kill9()
    service.d2.wait_state("fault")
    service.h1.kill9()
    service.d1.wait_state("fault")
    wait_for(lambda: not service.n1.holds() and not service.n2.holds(), 10, "nobody holds the address")
    service.h2.start()
    service.client.answered_by("lb2", 20)
