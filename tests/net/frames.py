# SPDX-License-Identifier: GPL-2.0-or-later
"""Adverts made by hand, good and bad ones, and the wire to put them on."""
import socket
import struct

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from lab import VIP, VIP6, link_local_of

GROUP, GROUP_MAC = "224.0.0.18", "01:00:5e:00:00:12"
STRANGER = "192.0.2.66"


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def advert(vrid=51, priority=250, addresses=(VIP,), interval=10, version=3, kind=1, count=None, damage=0, tail=b"", cut=0,
           source=STRANGER, destination=GROUP):
    body = b"".join(bytes(map(int, a.split("."))) for a in addresses)
    head = struct.pack("!BBBBHH", version << 4 | kind, vrid, priority, len(addresses) if count is None else count, interval, 0)
    message = head + body
    pseudo = bytes(map(int, source.split("."))) + bytes(map(int, destination.split("."))) + struct.pack("!BBH", 0, 112, len(message))
    message = message[:6] + struct.pack("!H", checksum(pseudo + message) ^ damage) + message[8:] + tail
    return message[:len(message) - cut]


def frame(message, source=STRANGER, ttl=255, destination=GROUP):
    return bytes(Ether(src="02:00:00:00:66:66", dst=GROUP_MAC) / IP(src=source, dst=destination, ttl=ttl, proto=112) / Raw(message))


GROUP6, STRANGER6 = "ff02::12", "fe80::66"


def advert6(vrid=51, priority=250, addresses=(link_local_of(51), VIP6), interval=10, version=3, kind=1, damage=0, cut=0,
            source=STRANGER6, destination=GROUP6):
    head = struct.pack("!BBBBHH", version << 4 | kind, vrid, priority, len(addresses), interval, 0)
    message = head + b"".join(socket.inet_pton(socket.AF_INET6, a) for a in addresses)
    pseudo = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination) + \
        struct.pack("!II", len(message), 112)
    message = message[:6] + struct.pack("!H", checksum(pseudo + message) ^ damage) + message[8:]
    return message[:len(message) - cut]


def frame6(message, source=STRANGER6, hop_limit=255, destination=GROUP6, mac="33:33:00:00:00:12"):
    return bytes(Ether(src="02:00:00:00:66:66", dst=mac) / IPv6(src=source, dst=destination, hlim=hop_limit, nh=112) / Raw(message))


def advert_2(vrid=51, priority=250, addresses=(VIP,), interval=1, auth_type=0, auth=b""):
    message = bytes([0x21, vrid, priority, len(addresses), auth_type, interval, 0, 0]) + \
        b"".join(bytes(map(int, a.split("."))) for a in addresses) + auth.ljust(8, b"\0")
    return message[:6] + checksum(message).to_bytes(2, "big") + message[8:]


def unicast_frame(node, message, source=STRANGER, ttl=255, destination="192.0.2.11"):
    return bytes(Ether(src="02:00:00:00:66:66", dst=node.mac("eno1")) /
                 IP(src=source, dst=destination, ttl=ttl, proto=112) / Raw(message))


class Wire:
    """The client's NIC, to put frames on the wire."""

    def __init__(self, lab):
        with lab.client.enter():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.bind(("cli0", 0))

    def send(self, data):
        self.socket.send(data)


def dropped(daemon, reason):
    return daemon.status()["dropped"][reason]
