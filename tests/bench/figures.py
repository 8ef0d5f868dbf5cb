# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benches share: how figures are written and compared, and how a failed measurement is told."""
import os
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# The lab and its instruments are the tests'.
sys.path.insert(0, str(ROOT / "tests/net"))

NEVER = float("inf")


def find_build():
    """Without $STANDBYD_BUILD and outside a build tree it is contrib/test's build that is measured; no build at all ends the bench."""
    if not os.environ.get("STANDBYD_BUILD"):
        places = [Path.cwd(), ROOT, ROOT / "build/test/gcc"]
        os.environ["STANDBYD_BUILD"] = str(next((p for p in places if (p / "tests/net/probe").exists()), places[-1]))
    build = Path(os.environ["STANDBYD_BUILD"])
    missing = [name for name in ("standbyd", "standbyctl", "tests/net/probe") if not (build / name).exists()]
    if missing:
        sys.exit(f"{sys.argv[0]}: {build} has no {missing[0]}. Build it with contrib/test --rung build, or set STANDBYD_BUILD to a build "
                 "tree in which `make` was run.")


def say(text):
    """Progress: standard output is the table's."""
    print(text, file=sys.stderr, flush=True)


def number(value):
    if value == NEVER:
        return "for ever"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def count(value):
    """The same of something that is counted: a median of counts may have a half."""
    return "for ever" if value == NEVER else f"{value:g}"


def cell(values, write=number):
    """Median and worst."""
    if not values:
        return "–"
    return f"{write(statistics.median(values))} / {write(max(values))}"


def ratio(ours, theirs):
    """Of the medians; smaller is better."""
    if not ours or not theirs:
        return "–"
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    if theirs == NEVER:
        return "–" if ours == NEVER else "0"
    return f"{ours / theirs:.3f}" if theirs else ("1" if not ours else "∞")


def tell_failure(what, error, lab):
    say(f"{what}: {error}")
    for name, text in lab.logs().items():
        say(f"---- log of {name}\n{text[-2000:]}")
