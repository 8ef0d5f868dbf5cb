# SPDX-License-Identifier: GPL-2.0-or-later
"""The story that contrib/demo plays: two nodes with two NICs each, two switches, one address, and a client that counts."""
import json
import os
import sys
import textwrap
from datetime import datetime
from pathlib import Path
from subprocess import DEVNULL, PIPE

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "net"))

from pyroute2.netlink.exceptions import NetlinkError  # noqa: E402

from lab import MS, SECOND, VIP, Lab, Standbyd, binary, die_on_signals, now, wait_for  # noqa: E402

ADVERT_MS = 100
DOWN_MS = 3 * ADVERT_MS + (256 - 100) * ADVERT_MS / 256
INTERVAL_US = 500
SETTLE_MS = 200  # what both daemons and the client said by then has arrived, and can be told in order

CONFIG = """\
version: 1
node: {node}
bonds:
  bond0:
    driver: {driver}
    ports: [eno1, eno2]
    prefer: eno1
    failback: better
    hold: 1s
    addresses: {{lb1: [192.0.2.11/24], lb2: [192.0.2.12/24]}}
vips:
  web:
    on: bond0
    protocol: vrrp
    vrid: 51
    advert: 100ms
    priority: {{lb1: 200, lb2: 100}}
    addresses: [192.0.2.100]
"""

PICTURE = """\
                 client
                   │              {vip} is the address that must survive.
          eno1   ┌─┴─┐   eno1     The client asks it every 0.5 ms and counts what is not answered.
        ┌────────┤sw1├────────┐
     ┌──┴──┐     └─┬─┘     ┌──┴──┐
     │ lb1 │       │       │ lb2 │   lb1 has priority 200, lb2 100; an advert every {advert} ms
     └──┬──┘     ┌─┴─┐     └──┬──┘   {how}
        └────────┤sw2├────────┘
          eno2   └───┘   eno2"""


class Paper:
    """What is printed, in colour on a terminal and plain elsewhere."""

    COLOURS = {"lb1": "36", "lb2": "35", "client": "33", "you": "1", "good": "32", "bad": "31;1", "dim": "2", "title": "1"}

    def __init__(self):
        self.tty = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" and "NO_COLOR" not in os.environ
        self.width = min(os.get_terminal_size().columns, 120) if self.tty else 120

    def ink(self, text, colour):
        return f"\033[{self.COLOURS[colour]}m{text}\033[0m" if self.tty and colour in self.COLOURS else text

    def line(self, text=""):
        print(text, flush=True)

    def entry(self, at_ms, who, text):
        stamp = f"{max(at_ms, 0):6.0f} ms"
        first, *rest = textwrap.wrap(text, max(40, self.width - 21)) or [""]
        body = self.ink(first, "you") if who == "you" else first
        self.line(f"{self.ink(stamp, 'dim')}  {self.ink(f'{who:<7}', who)} {body}")
        for more in rest:
            self.line(" " * 19 + more)


class Story:
    def __init__(self, lab, driver, paper):
        self.lab, self.paper, self.number, self.results = lab, paper, 0, []
        lab.answer()
        self.daemons = {node.name: Standbyd(node, CONFIG.format(node=node.name, driver=driver)) for node in lab.nodes}
        self.followers, self.partial, self.seen, self.entries = {}, {}, {}, []
        self.started = now()
        self.answering = None

    # -- what the daemons and the client say, as it happens

    def follow(self, name):
        """Reads a daemon's events from now on; it must be running."""
        self.unfollow(name)
        process = self.lab.switch.popen([binary("standbyctl"), "-r", self.daemons[name].rundir, "events", "-f", "--json"],
                                        stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
        os.set_blocking(process.stdout.fileno(), False)
        self.followers[name], self.partial[name] = process, b""

    def unfollow(self, name):
        process = self.followers.pop(name, None)
        if process:
            process.kill()
            process.wait()
            process.stdout.close()
            self.lab.ended(process)

    def tell(self, everything=False):
        """Prints what is new, in the order of time, once nothing older can come any more. True, so that it may stand in a
        condition."""
        for name, process in self.followers.items():
            self.partial[name] += process.stdout.read() or b""
            *lines, self.partial[name] = self.partial[name].split(b"\n")
            for event in map(json.loads, filter(None, lines)):
                key = (event["time"], event["text"])
                if key in self.seen.setdefault(name, set()):
                    continue
                self.seen[name].add(key)
                at = datetime.fromisoformat(event["time"]).timestamp() * 1000 - self.wall_ms
                self.entries.append((at, name, event["text"]))
        by = self.probe.report(self.mark, 0)["by"] if self.probe else []
        if by and by[-1]["node"] != self.answering:
            self.answering = by[-1]["node"]
            self.entries.append(((by[-1]["from"] - self.mark) / MS, "client", f"is answered by {self.answering}"))
        self.entries.sort(key=lambda entry: round(entry[0]))  # as printed; within a millisecond in the order told
        settled = (now() - self.mark) / MS - SETTLE_MS
        while self.entries and (everything or self.entries[0][0] < settled):
            self.paper.entry(*self.entries.pop(0))
        return True

    probe = None

    def until(self, condition, deadline, what):
        return wait_for(lambda: self.tell() and condition(), deadline, what)

    def answered_by(self, name, deadline=10):
        """Waits, telling what happens, until the client is answered by that node and by nobody else for a while."""
        def settled():
            by = self.probe.report(self.mark, 0)["by"]
            return by and by[-1]["node"] == name and by[-1]["to"] - by[-1]["from"] > 100 * MS \
                and now() - by[-1]["to"] < 50 * MS
        self.until(settled, deadline, f"the client is answered by {name}")

    def quiet(self, seconds):
        """Lets time pass and goes on telling."""
        end = now() + int(seconds * SECOND)
        self.until(lambda: now() >= end, seconds + 1, "time passes")

    # -- scenes

    def scene(self, title, act, bound_ms, done):
        """`act` does something to the lab, `done` waits for what must follow; bound_ms None: no packet may be lost."""
        self.number += 1
        self.tell(everything=True)
        self.paper.line()
        self.paper.line(self.paper.ink(f"{self.number}. {title}", "title"))
        self.mark, self.wall_ms = now(), datetime.now().timestamp() * 1000
        self.paper.entry(0, "you", act())
        problem = ""
        try:
            done()
            self.quiet(1 if self.paper.tty else 0.5)
        except TimeoutError as error:
            problem = str(error)
        self.judge(title, bound_ms, problem)

    def judge(self, title, bound_ms, problem):
        window = self.probe.window(self.mark)
        self.tell(everything=True)
        good = not problem and (window.lost == 0 if bound_ms is None else window.outage_ms <= bound_ms)
        bound = "none lost" if bound_ms is None else f"at most {bound_ms:.0f} ms"
        verdict = f"{window.lost} of {window.sent} packets lost, longest silence {window.silence_ms:.1f} ms"
        sign = self.paper.ink("✔", "good") if good else self.paper.ink("✘", "bad")
        self.paper.line(f"{'':10} {sign} {verdict}  (bound: {bound})")
        if problem:
            self.paper.line(f"{'':12} {self.paper.ink(problem, 'bad')}")
        self.results.append((good, title, window, bound))

    def begin(self):
        """Both nodes start; the client's count begins when the address answers."""
        self.mark, self.wall_ms = now(), datetime.now().timestamp() * 1000
        self.paper.line(self.paper.ink("Both nodes start standbyd", "title"))
        for name, daemon in self.daemons.items():
            daemon.start()
            self.follow(name)
        self.probe = self.lab.probe(interval_us=INTERVAL_US)
        self.answered_by("lb1", 20)
        self.until(lambda: all(d.bond()["state"] == "up" for d in self.daemons.values()), 10, "both bonds are up")
        self.quiet(0.5)

    def table(self):
        self.paper.line()
        width = max(len(title) for _, title, _, _ in self.results)
        self.paper.line(self.paper.ink(f"{'':3}{'':{width}}   packets lost   longest silence   bound", "dim"))
        for good, title, window, bound in self.results:
            sign = self.paper.ink("✔", "good") if good else self.paper.ink("✘", "bad")
            self.paper.line(f" {sign} {title:{width}}   {window.lost:>12}   {window.silence_ms:>12.1f} ms   {bound}")
        failed = sum(not good for good, *_ in self.results)
        took = (now() - self.started) / SECOND
        self.paper.line()
        self.paper.line(self.paper.ink(f"{failed} of {len(self.results)} missed their bound", "bad") if failed else
                        self.paper.ink("all kept", "good") + f"; {took:.0f} s")
        return 1 if failed else 0


def play(story):
    lb1, (one, two) = story.lab.lb1, story.daemons.values()

    def cut(*ports):
        lb1.pull(*ports)
        return f"pulled the cable out of lb1's {' and '.join(ports)}"

    def plug(*ports):
        lb1.plug(*ports)
        return f"put the cable back into lb1's {' and '.join(ports)}"

    def stop():
        one.term()
        return "stopped standbyd on lb1 (SIGTERM)"

    def start():
        one.start()
        story.follow("lb1")
        return "started standbyd on lb1"

    def power_off():
        lb1.power_off()
        return "cut lb1's power: both cables dead at once, nothing of it runs any more"

    def power_on():
        # What a boot does: no address of the old life is left.
        for ip, (ifname, prefix, _) in lb1.addresses().items():
            lb1.address_del(ifname, ip, prefix)
        lb1.plug()
        return start() + ", after its reboot"

    def kill9():
        one.kill9()
        one.start()
        story.follow("lb1")
        return "killed standbyd on lb1 with -9; its supervisor started it again"

    def bond_is(state, port):
        return lambda: story.until(lambda: (one.bond()["state"], one.bond()["active_port"]) == (state, port), 10,
                                   f"lb1's bond is {state} with {port}")

    def stopped():
        story.answered_by("lb2")
        story.until(lambda: not one.alive, 10, "standbyd on lb1 has ended")

    def returned():
        story.answered_by("lb1", 15)
        two.wait_state("backup")

    story.begin()
    story.scene("Pull the active port's cable", lambda: cut("eno1"), 100, bond_is("degraded", "eno2"))
    story.scene("Put it back", lambda: plug("eno1"), 20, bond_is("up", "eno1"))
    story.scene("Stop the node gracefully", stop, None, stopped)
    story.scene("Bring it back", start, None, returned)
    story.scene("Kill the node", power_off, DOWN_MS + 150, lambda: story.answered_by("lb2"))
    story.scene("Power it on again", power_on, None, returned)
    story.scene("Kill -9 the daemon and restart it", kill9, None, lambda: story.quiet(2 * DOWN_MS / 1000))
    if story.answering != "lb1":
        story.paper.line(story.paper.ink("  the restart changed the role", "bad"))
        story.results.append((False, "No change of role", story.results[-1][2], "lb1 answers"))
    return story.table()


def bonding_here(lab):
    try:
        lab.switch.ip.link("add", ifname="probe", kind="bond")
    except NetlinkError:
        return False
    lab.switch.ip.link("del", index=lab.switch.index("probe"))
    return True


def main():
    die_on_signals()
    paper = Paper()
    with Lab() as lab:
        driver = "kernel" if bonding_here(lab) else "move"
        how = {"kernel": "bonds: the kernel's bonding driver", "move": "bonds: driver 'move' (this kernel has no bonding driver)"}[driver]
        paper.line()
        paper.line(PICTURE.format(vip=VIP, how=how, advert=ADVERT_MS))
        paper.line()
        story = Story(lab, driver, paper)
        try:
            return play(story)
        except Exception:
            for name, text in lab.logs().items():
                print(f"---- log of {name}\n{text[-3000:]}", file=sys.stderr)
            raise
        finally:
            for name in list(story.followers):
                story.unfollow(name)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
