# SPDX-License-Identifier: GPL-2.0-or-later
"""Single runs of checks against what a unit test cannot be: a TLS server, HAProxy, a router that says that there is no way."""
import http.server
import json
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from lab import binary, wait_for

HTTP = {"method": "GET", "status_min": 200, "status_max": 399, "insecure": False}


def once(namespace, kind, **definition):
    """(passed, text) of one run."""
    done = namespace.run(binary("tests/net/probe_once"), kind, json.dumps(definition), check=False)
    word, _, text = done.stdout.rstrip("\n").partition(" ")
    assert (done.returncode, word) in ((0, "passed"), (1, "failed")), (done.returncode, done.stdout, done.stderr)
    return word == "passed", text


@pytest.fixture
def lab(make_lab):
    return make_lab(names=("router",), ports=1)


# ---- TLS ----

def make_certificate(directory, name):
    """A certificate that signs itself, for www.example.org and 127.0.0.1."""
    key, certificate = directory / f"{name}.key", directory / f"{name}.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:www.example.org,IP:127.0.0.1",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return key, certificate


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"asked for {self.headers['Host']}, by TLS for {self.server.named[-1]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class TlsServer(http.server.ThreadingHTTPServer):
    """On the loopback of a namespace. `named`: the names that handshakes asked for."""
    daemon_threads = True

    def __init__(self, namespace, key, certificate):
        self.named = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.sni_callback = lambda _socket, name, _context: self.named.append(name)
        with namespace.enter():
            super().__init__(("127.0.0.1", 0), Answer)
        # The handshake is the connection's own thread's: one that does not come to its end holds up no other.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, *_):
        pass


def test_tls(lab):
    """Whom a certificate is for, and who signed it, are looked at; the name to ask for may be another than the URL's."""
    key, certificate = make_certificate(lab.directory, "ours")
    _, other = make_certificate(lab.directory, "other")
    server = TlsServer(lab.client, key, certificate)
    url = f"https://127.0.0.1:{server.server_port}/"

    def ask(**fields):
        return once(lab.client, "http", **{**HTTP, "url": url, **fields})
    try:
        asked = f"asked for www.example.org:{server.server_port}, by TLS for www.example.org"
        assert ask(ca_file=str(certificate)) == (True, "status 200")
        assert ask(ca_file=str(certificate), host="www.example.org", match=asked) == (True, "status 200")
        for fields, word in (({}, "certificate"), ({"ca_file": str(other)}, "certificate"),
                             ({"ca_file": str(certificate), "host": "ftp.example.org"}, "ftp.example.org"),
                             ({"ca_file": str(lab.directory / "none")}, "none")):
            passed, text = ask(**fields)
            assert not passed and word in text, (fields, text)
        assert ask(insecure=True, host="ftp.example.org", match="by TLS for ftp.example.org") == (True, "status 200")
        passed, text = ask(url=url.replace("https", "http"))
        assert not passed, text
    finally:
        server.shutdown()
        server.server_close()


def test_tls_of_a_plain_server(lab):
    with lab.client.enter():
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        passed, text = once(lab.client, "http", **{**HTTP, "url": f"https://127.0.0.1:{server.server_port}/"})
        assert not passed and text
    finally:
        server.shutdown()
        server.server_close()


# ---- HAProxy ----

CONFIG = """
global
    stats socket {directory}/stats mode 600 level admin
defaults
    mode tcp
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend front
    bind 127.0.0.1:8080
    default_backend web
backend web
    server a 127.0.0.1:{port} check inter 50ms rise 1 fall 2
    server b 127.0.0.1:1 check inter 50ms rise 1 fall 2
backend unchecked
    server a 127.0.0.1:1
    server b 127.0.0.1:1 disabled
backend many
    server-template s 1-2000 127.0.0.1:1
"""


HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin")


@pytest.mark.skipif(not HAPROXY, reason="needs haproxy")
def test_haproxy(lab):
    """What a real HAProxy says of its servers."""
    with lab.client.enter():
        served = socket.create_server(("127.0.0.1", 0))
    path = lab.directory / "stats"
    config = lab.directory / "haproxy.cfg"
    config.write_text(CONFIG.format(directory=lab.directory, port=served.getsockname()[1]))
    with (lab.directory / "haproxy.log").open("w") as log:
        process = lab.client.popen([HAPROXY, "-db", "-f", config], stdout=log, stderr=log)

    def ask(backend, servers=1):
        return once(lab.client, "haproxy", socket=str(path), backend=backend, servers=servers)

    def tell(command):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(path))
            control.sendall(command.encode() + b"\n")
            assert control.recv(4096).strip() == b""
    try:
        wait_for(path.exists, 30, "the statistics socket")
        wait_for(lambda: ask("web", 2) == (False, "1 of 2 servers up, 2 needed"), 30, "one server is up")
        assert ask("web") == (True, "1 of 2 servers up")
        assert ask("unchecked") == (True, "1 of 2 servers up")
        assert ask("many", 2000) == (True, "2000 of 2000 servers up")
        assert ask("front") == (False, 'HAProxy has no backend "front"')
        assert ask("none") == (False, 'HAProxy has no backend "none"')
        assert ask("we b") == (False, 'HAProxy has no backend "we b"')  # asks for all
        tell("set server web/a state maint")
        assert ask("web") == (False, "0 of 2 servers up, 1 needed")
        tell("set server web/a state ready")
        wait_for(lambda: ask("web")[0], 30, "it is back")
        served.close()
        wait_for(lambda: not ask("web")[0], 30, "it is down")
    finally:
        process.terminate()
        process.wait()
        lab.ended(process)
    assert ask("web") == (False, f"{path}: connection refused")


# ---- tcp ----

def test_tcp_to_itself(lab):
    """A connection whose two ends are one says nothing of a server."""
    lab.client.sysctl("ipv4/ip_local_port_range", "40000 40001")
    results = [once(lab.client, "tcp", address=address, port=40000) for address in ["127.0.0.1"] * 8]
    assert results == [(False, "connection refused")] * 8


# ---- ping ----

@pytest.mark.parametrize("sockets", ("raw", "ping"))
def test_ping_without_a_way(lab, sockets):
    """A router that has no way says so, and the run need not wait for its timeout."""
    client, router = lab.client, lab.router
    port = next(name for name in router.links() if name not in ("lo",))
    router.link_set(port, state="up")
    if sockets == "ping":
        client.sysctl("ipv4/ping_group_range", "0 0")  # a new namespace has no group in it
    router.sysctl("ipv4/ip_forward", 1)
    router.address(port, "192.0.2.1/24")
    router.run("ip", "route", "add", "unreachable", "198.51.100.0/25")
    router.run("ip", "route", "add", "prohibit", "198.51.100.128/25")
    client.run("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.1")
    assert once(client, "ping", address="192.0.2.1", count=1) == (True, "")
    assert once(client, "ping", address="198.51.100.1", count=1) == (False, "no route to host")
    assert once(client, "ping", address="198.51.100.129", count=3) == (False, "no route to host")
    if "2001:db8::200" in client.addresses():
        router.sysctl("ipv6/conf/all/forwarding", 1)
        router.address(port, "2001:db8::1/64")
        router.run("ip", "-6", "route", "add", "unreachable", "2001:db8:1::/48")
        client.run("ip", "-6", "route", "add", "2001:db8:1::/48", "via", "2001:db8::1")
        assert once(client, "ping", address="2001:db8::1", count=1) == (True, "")
        passed, text = once(client, "ping", address="2001:db8:1::1", count=1)
        assert not passed and text in ("no route to host", "network is unreachable"), text
