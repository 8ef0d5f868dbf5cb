# SPDX-License-Identifier: GPL-2.0-or-later
"""The namespace tests that doc/CONFORMANCE.md names are what pytest would run, with the very parameters."""
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOC = HERE.parent.parent / "doc/CONFORMANCE.md"


def test_what_is_named_is_run():
    named = set(re.findall(r"`(test_[a-z0-9_]+\.py::[^`]+)`", DOC.read_text()))
    assert len(named) > 100
    files = sorted({name.split("::")[0] for name in named})
    done = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--collect-only", *files], cwd=HERE,
                          text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    there = {line.rsplit("/", 1)[-1] for line in done.stdout.splitlines() if "::" in line}
    there |= {name.split("[")[0] for name in there}
    assert not named - there, sorted(named - there)
