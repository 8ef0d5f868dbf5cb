# SPDX-License-Identifier: GPL-2.0-or-later
"""standby-runner by itself, over its socket: what programs find, how they end, what is refused, and what is left of them."""
import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lab import binary, wait_for

LIMITS = {"output_max": 4096, "memory_max": 1 << 30, "processes_max": 4096}
DEADLINE = 20
LAST_RUN = 150

MAPPED = sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines())
pytestmark = pytest.mark.skipif(os.geteuid() != 0 or MAPPED < 65536, reason="programs run as several users")


def default_user():
    for name in ("standby-runner", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    pytest.skip("there is no user nobody")


def other_user():
    """Some user that is neither root nor the default."""
    return next(user for user in pwd.getpwall() if user.pw_uid not in (0, default_user().pw_uid))


class Runner:
    """The program, and what it says. Scripts are in a directory that only root may write to, which /tmp is not. It is given a
    descriptor and a umask that are not for programs."""

    def __init__(self, before=None, environment=None, program=None, within=()):
        self.directory = Path(tempfile.mkdtemp(dir="/run", prefix="standby-runner-"))
        self.directory.chmod(0o755)
        self.notes = self.directory / "notes"  # where scripts of any user may write
        self.notes.mkdir()
        self.notes.chmod(0o777)
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        more = os.dup(theirs.fileno())
        self.socket.settimeout(DEADLINE)
        self.process = subprocess.Popen([*within, program or binary("standby-runner"), "--fd", str(theirs.fileno())], pass_fds=[theirs.fileno(), more], umask=0o077, preexec_fn=before,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})
        theirs.close()
        os.close(more)
        self.heard = []
        self.ids = 0
        self.generation = 0

    def script(self, name, text, mode=0o755):
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(mode)
        return str(path)

    def send(self, **message):
        self.socket.send(json.dumps(message).encode())

    def run(self, *argv, timeout=DEADLINE, user=None, environment=None, stdin=None, **more):
        """Begins a hook's program; its id."""
        self.ids += 1
        hook = {"name": "hook", "timeout_us": int(timeout * 1e6), "run": list(argv), **LIMITS, **more, **({"user": user} if user else {})}
        extra = {**({"environment": environment} if environment else {}), **({"stdin": stdin} if stdin is not None else {})}
        self.send(type="run", id=self.ids, object="vip:web", hook=hook, **extra)
        return self.ids

    def unit(self, verb, unit, timeout=DEADLINE):
        self.ids += 1
        self.send(type="run", id=self.ids, object="vip:web", hook={"name": "hook", "timeout_us": int(timeout * 1e6), verb: unit})
        return self.ids

    def apply(self, *checks):
        self.generation += 1
        for check in checks:
            self.send(type="check", generation=self.generation, check=check)
        self.send(type="apply", generation=self.generation)

    def hear(self):
        message = json.loads(self.socket.recv(1 << 17))
        self.heard.append(message)
        return message

    def answer(self, **fields):
        """The next message with those fields."""
        return wait_for(lambda: next((m for m in [self.hear()] if all(m.get(k) == v for k, v in fields.items())), None), DEADLINE, f"{fields}")

    def end_of(self, run):
        return self.answer(id=run)

    def note(self, name):
        """What a script has written down, once it has."""
        path = self.notes / name
        return wait_for(lambda: path.exists() and path.read_text().strip(), DEADLINE, f"{name} is written")

    def close(self):
        """Ends the runner as the daemon's end does. What sanitizers said is an error."""
        self.socket.close()
        errors = self.process.communicate(timeout=DEADLINE)[1]
        shutil.rmtree(self.directory)
        for sign in ("Sanitizer", "runtime error:"):
            assert sign not in errors, errors
        return self.process.returncode


@pytest.fixture
def make_runner():
    runners = []

    def make(**options):
        runners.append(Runner(**options))
        return runners[-1]
    yield make
    for runner in runners:
        assert runner.close() in (0, -signal.SIGKILL)


@pytest.fixture
def runner(make_runner):
    return make_runner()


def command(name, *argv, interval=0.1, timeout=DEADLINE, **more):
    """A check; its run may take as long as a busy machine needs, if its timeout is not what is tested."""
    return {"name": name, "interval_us": int(interval * 1e6), "timeout_us": int(timeout * 1e6), "late_skip": timeout > interval, "jitter_us": 0,
            "command": list(argv), **LIMITS, **more}


def is_alive(pid):
    """A zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def await_gone(pid, what):
    wait_for(lambda: not is_alive(pid), DEADLINE, f"{what} ({pid}) is gone")


# ---- its start ----

def test_socket_activation():
    """As systemd starts it: the connection is descriptor 3."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(DEADLINE)
    start = ("import os, sys; os.dup2(int(sys.argv[2]), 3); "
             "os.execve(sys.argv[1], ['standby-runner'], {**os.environ, 'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1'})")
    with subprocess.Popen([sys.executable, "-c", start, binary("standby-runner"), str(theirs.fileno())], pass_fds=[theirs.fileno()]) as process:
        theirs.close()
        hook = {"name": "hook", "timeout_us": DEADLINE * 10**6, "run": ["/bin/true"], **LIMITS}
        ours.send(json.dumps({"type": "run", "id": 1, "object": "vip:web", "hook": hook}).encode())
        assert json.loads(ours.recv(1 << 17))["passed"]
        ours.close()
        assert process.wait(DEADLINE) == 0


@pytest.mark.parametrize("wrong", [[], ["--fd", "2"], ["--fd", "x"], ["--fd", "99"], ["--what"], ["more"], "stream", "listening"])
def test_usage(wrong):
    """Without a connection there is nothing to do."""
    with contextlib.ExitStack() as stack:
        fds = []
        if isinstance(wrong, str):
            kind = socket.SOCK_STREAM if wrong == "stream" else socket.SOCK_SEQPACKET
            given = stack.enter_context(socket.socketpair(socket.AF_UNIX, kind)[0] if wrong == "stream" else socket.socket(socket.AF_UNIX, kind))
            if wrong == "listening":
                given.bind(b"\0standby-runner-%d" % os.getpid())
                given.listen()
            fds = [given.fileno()]
            wrong = ["--fd", str(given.fileno())]
        done = subprocess.run([binary("standby-runner"), *wrong], pass_fds=fds, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 2 and "standby-runner" in done.stderr and not done.stdout


# ---- what a program finds ----

def test_environment(runner):
    """Nothing of the runner's: capabilities, descriptors, environment, user; only what is said."""
    os.environ["SECRET_OF_THE_DAEMON"] = "x"
    script = runner.script("look", f"""
        cat /proc/self/status >{runner.notes}/status
        env | sort >{runner.notes}/env
        ls /proc/self/fd | tr '\\n' ' ' >{runner.notes}/fds
        cat /proc/self/limits >{runner.notes}/limits
        cat >{runner.notes}/stdin
        {{ pwd; umask; }} | tr '\\n' ' ' >{runner.notes}/place
        cut -d' ' -f 5,6 /proc/$$/stat >{runner.notes}/group; echo $$ >{runner.notes}/pid
        echo first; echo 'the last' >&2; echo""")
    run = runner.run(script, "argument", environment={"STANDBY_STATE": "active", "STANDBY_REASON": "a b=c"}, stdin="{\"a\": 1}" * 1000)
    end = runner.end_of(run)
    assert end["type"] == "done" and end["passed"] and end["status"] == 0 and end["output"] == "the last" and end["reason"] == ""
    assert not end["timed_out"] and end["duration_us"] > 0

    status = dict(line.split(":\t", 1) for line in runner.note("status").splitlines() if ":\t" in line)
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 0, kind
    assert status["NoNewPrivs"] == "1" and int(status["SigIgn"], 16) == 0 and int(status["SigBlk"], 16) == 0
    user = default_user()
    assert set(status["Uid"].split()) == {str(user.pw_uid)} and set(status["Gid"].split()) == {str(user.pw_gid)}
    assert set(map(int, status["Groups"].split())) == set(os.getgrouplist(user.pw_name, user.pw_gid))

    environment = dict(line.split("=", 1) for line in runner.note("env").splitlines())
    assert environment.pop("PATH").startswith("/usr/local/sbin:") and environment.pop("HOME") == user.pw_dir
    for name in ("PWD", "OLDPWD", "_", "SHLVL"):  # some shells' own
        environment.pop(name, None)
    assert environment == {"USER": user.pw_name, "LOGNAME": user.pw_name, "SHELL": "/bin/sh", "LANG": "C.UTF-8", "STANDBY_STATE": "active",
                           "STANDBY_REASON": "a b=c"}
    assert runner.note("fds").split() == ["0", "1", "2", "3"]  # 3 is ls's own
    assert runner.note("stdin") == "{\"a\": 1}" * 1000
    assert runner.note("place") == "/ 0022"
    assert set(runner.note("group").split()) == {runner.note("pid")}
    limits = {line[:25].strip(): line[26:].split()[:2] for line in runner.note("limits").splitlines()}
    assert limits["Max core file size"] == ["0", "0"] and limits["Max address space"] == [str(1 << 30)] * 2
    assert limits["Max processes"] == ["4096"] * 2 and limits["Max open files"][0] == "1024"


@pytest.mark.parametrize("user", ["root", "another"])
def test_user(runner, user):
    """The one that is written, root too, without any capability."""
    entry = pwd.getpwnam("root") if user == "root" else other_user()
    script = runner.script("look", f"grep -E '^(Uid|Gid|Groups|Cap)' /proc/self/status >{runner.notes}/status")
    assert runner.end_of(runner.run(script, user=entry.pw_name))["passed"]
    status = dict(line.split(":\t", 1) for line in runner.note("status").splitlines())
    assert set(status["Uid"].split()) == {str(entry.pw_uid)} and set(status["Gid"].split()) == {str(entry.pw_gid)}
    assert set(map(int, status["Groups"].split())) == set(os.getgrouplist(entry.pw_name, entry.pw_gid))
    assert all(int(value, 16) == 0 for name, value in status.items() if name.startswith("Cap"))


@pytest.mark.parametrize("ping_sockets", [False, True])
def test_own_privileges(make_runner, ping_sockets):
    """The runner is not root, and keeps three capabilities; a fourth only where ping needs it. It is itself after it has looked at a program
    as another user."""
    groups = "0 2147483647" if ping_sockets else "1 0"
    runner = make_runner(within=["unshare", "-n", "sh", "-c", f'echo "{groups}" >/proc/sys/net/ipv4/ping_group_range && exec "$0" "$@"'])
    assert runner.end_of(runner.run("/bin/true", user=other_user().pw_name))["passed"]
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{runner.process.pid}/status").read_text().splitlines() if ":\t" in line)
    kill_setgid_setuid, net_raw = 1 << 5 | 1 << 6 | 1 << 7, 1 << 13
    assert set(status["Uid"].split()) == {str(default_user().pw_uid)}
    assert set(map(int, status["Groups"].split())) == set(os.getgrouplist(default_user().pw_name, default_user().pw_gid))
    assert int(status["CapEff"], 16) == kill_setgid_setuid | (0 if ping_sockets else net_raw) and status["CapEff"] == status["CapPrm"]
    assert int(status["CapBnd"], 16) == int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0 and status["NoNewPrivs"] == "1"


def test_unprivileged(make_runner):
    """Started by another user: only that user's programs."""
    user = other_user()

    def before():
        os.setgroups([])
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    program = Path(tempfile.mkdtemp(dir="/run", prefix="standby-runner-program-"))  # a build tree is not always open to all
    program.chmod(0o755)
    shutil.copy(binary("standby-runner"), program)
    try:
        runner = make_runner(before=before, program=str(program / "standby-runner"))
        own = runner.script("look", f"grep Uid /proc/self/status >{runner.notes}/status")
        assert runner.end_of(runner.run(own))["passed"]
        assert runner.note("status").split()[1:] == [str(user.pw_uid)] * 4
        end = runner.end_of(runner.run(own, user="root"))
        assert end["type"] == "refused" and "root" in end["reason"]
    finally:
        shutil.rmtree(program)


def test_no_other_user(make_runner):
    """In a namespace of users that has root alone: root's programs, where that is written, without any capability."""
    if subprocess.run(["unshare", "-Ur", "true"], capture_output=True).returncode:
        pytest.skip("no user namespaces")
    runner = make_runner(within=["unshare", "-Ur"])
    script = runner.script("look", f"grep -E '^(Uid|Cap|NoNew)' /proc/self/status >{runner.notes}/status")
    assert runner.end_of(runner.run(script, user="root"))["passed"]
    status = dict(line.split(":\t", 1) for line in runner.note("status").splitlines())
    assert set(status["Uid"].split()) == {"0"} and status.pop("NoNewPrivs") == "1"
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == int(status["CapInh"], 16) == int(status["CapBnd"], 16) == 0
    end = runner.end_of(runner.run(script))
    assert end["type"] == "refused" and end["reason"].startswith("may not run it as user ")


# ---- ends ----

def test_output(runner):
    """Megabytes are read, and the last line told; what is not printable is not."""
    end = runner.end_of(runner.run(runner.script("much", "yes this line is one of many | head -c 8000000; echo; echo end of it")))
    assert end["passed"] and end["output"] == "end of it"
    end = runner.end_of(runner.run(runner.script("long", "head -c 100000 /dev/zero | tr '\\0' x"), output_max=100))
    assert end["passed"] and end["output"] == "x" * 100
    end = runner.end_of(runner.run(runner.script("pieces", "printf %60s a; sleep 0.05; printf %60s b"), output_max=100))
    assert end["passed"] and end["output"] == " " * 39 + "a" + " " * 59 + "b"
    end = runner.end_of(runner.run(runner.script("odd", "printf 'a\\033b\\377\\n\\n'; exit 3")))
    assert (end["output"], end["passed"], end["status"], end["reason"]) == ("a?b?", False, 3, "exit status 3")
    end = runner.end_of(runner.run(runner.script("killed", "kill -KILL $$")))
    assert (end["status"], end["reason"]) == (128 + signal.SIGKILL, "killed by SIGKILL")
    end = runner.end_of(runner.run(runner.script("closed", "exec >&- 2>&-; exit 0")))
    assert end["passed"] and end["output"] == ""


def test_input_not_read(runner):
    """Nobody waits for a program that does not read what it is given."""
    assert runner.end_of(runner.run("/bin/true", stdin="x" * 60000))["passed"]


FAMILY = """
    trap '' TERM
    ( trap '' TERM; echo $(exec sh -c 'echo $PPID') >{notes}/child; while :; do sleep 1; done ) &
    setsid sh -c 'trap "" TERM; echo $$ >{notes}/escaped; ( trap "" TERM; echo $(exec sh -c "echo \\$PPID") >{notes}/grandchild; while :; do sleep 1; done ) & while :; do sleep 1; done' &
    while [ ! -s {notes}/child ] || [ ! -s {notes}/escaped ] || [ ! -s {notes}/grandchild ]; do sleep 0.01; done
    echo ready
    {end}
"""


@pytest.mark.parametrize("how", ["exit", "timeout", "cancel", "check", "removed", "peer", "sigterm"])
def test_nothing_is_left(make_runner, how):
    """Whatever ends a program, its children end, those too that ignore SIGTERM or have a session of their own."""
    runner = make_runner()
    hangs = how != "exit"
    script = runner.script("family", FAMILY.format(notes=runner.notes, end=f"echo $$ >{runner.notes}/leader; while :; do sleep 1; done" if hangs else
                                                   f"echo $$ >{runner.notes}/leader"))
    if how in ("check", "removed"):
        runner.apply(command("family", script, interval=30, timeout=30 if how == "removed" else 5))
    else:
        run = runner.run(script, timeout=5 if how == "timeout" else 60)
    family = {name: int(runner.note(name)) for name in ("leader", "child", "escaped", "grandchild")}
    if how == "cancel":
        runner.send(type="cancel", id=run)
    elif how == "removed":
        runner.apply()
    elif how == "peer":
        runner.socket.close()
    elif how == "sigterm":
        runner.process.terminate()
    if how in ("exit", "timeout", "cancel"):
        end = runner.end_of(run)
        assert end["passed"] == (how == "exit") and end["timed_out"] == (how == "timeout")
        assert end["reason"] == {"exit": "", "timeout": "timed out", "cancel": "cancelled"}[how]
        assert end["output"] == "ready"
    elif how == "check":
        end = runner.answer(check="family")
        assert end["timed_out"] and not end["passed"] and end["duration_us"] >= 5000000
    elif how in ("peer", "sigterm"):
        assert runner.process.wait(DEADLINE) == 0
        assert not any(is_alive(pid) for pid in family.values()), "the runner has ended after them"
    for name, pid in family.items():
        await_gone(pid, name)
    if how not in ("peer", "sigterm"):
        assert runner.end_of(runner.run("/bin/true"))["passed"]


def test_children_of_others_live(runner):
    """A child that lost its parent lives as long as the program it came from."""
    slow = runner.script("slow", f"( setsid sh -c 'echo $$ >{runner.notes}/orphan; while :; do sleep 1; done' & ) ; while [ ! -e {runner.notes}/go ]; do sleep 0.01; done")
    run = runner.run(slow)
    orphan = int(runner.note("orphan"))
    wait_for(lambda: int(Path(f"/proc/{orphan}/stat").read_text().rsplit(")", 1)[1].split()[1]) == runner.process.pid, DEADLINE, "it is the runner's")
    stray = runner.script("stray", f"setsid sh -c 'echo $$ >{runner.notes}/$0; while :; do sleep 1; done' $1 & while [ ! -s {runner.notes}/$1 ]; do sleep 0.01; done")
    for name in ("first", "second"):  # whoever is looked at with the first is gone when the second is
        assert runner.end_of(runner.run(stray, name))["passed"]
        await_gone(int(runner.note(name)), "the other's child")
    assert is_alive(orphan)
    (runner.notes / "go").touch()
    assert runner.end_of(run)["passed"]
    await_gone(orphan, "the child")


def test_runner_killed(make_runner):
    """Even SIGKILL for the runner takes the programs along."""
    runner = make_runner()
    run = runner.run(runner.script("hang", f"echo $$ >{runner.notes}/pid; exec sleep 1000"))
    pid = int(runner.note("pid"))
    runner.process.kill()
    await_gone(pid, "the program")
    assert run


def test_limits(runner):
    """Memory and processes end at what is written."""
    end = runner.end_of(runner.run("/usr/bin/python3", "-c", "x = bytearray(1 << 30)", memory_max=256 << 20))
    assert not end["passed"] and "MemoryError" in end["output"]
    user = other_user().pw_name
    forks = runner.script("forks", "for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done; echo all")
    end = runner.end_of(runner.run(forks, user=user, processes_max=4))
    assert not end["passed"] and end["output"] != "all"


# ---- refusals ----

def test_refused(runner):
    """Each with the path and what is wrong with it."""
    user = other_user()
    fine = runner.script("fine", "exit 0")
    d = runner.directory
    writable = runner.script("writable", "", 0o757)
    group = runner.script("group", "", 0o775)
    os.chown(group, 0, user.pw_gid)
    in_directory = runner.script("open/program", "")
    (d / "open").chmod(0o1777)
    owned = runner.script("owned", "")
    os.chown(owned, user.pw_uid, user.pw_gid)
    link = d / "open" / "link"
    link.symlink_to(fine)
    (d / "safe").symlink_to("fine")
    (d / "lost").symlink_to("nothing")
    (d / "loop").symlink_to("loop")
    cases = [
        (writable, None, f"{writable} is writable by others"),
        (group, None, f"{group} is writable by its group ({user.pw_gid})"),
        (in_directory, None, f"{d}/open is writable by others"),
        (str(link), None, f"{d}/open is writable by others"),
        (f"{d}/open/../fine", None, f"{d}/open is writable by others"),
        (owned, None, f"{owned} is owned by another user ({user.pw_uid})"),
        (f"{d}/missing", None, f"{d}/missing does not exist"),
        (f"{d}/lost", None, f"{d}/nothing does not exist"),
        (f"{d}/loop", None, f"{d}/loop Too many levels of symbolic links"),
        (f"{fine}/program", None, f"{fine}/program Not a directory"),
        (runner.script("plain", "", 0o644), None, f"{d}/plain is not executable"),
        (str(d), None, f"{d} is not a regular file"),
        (fine, "no-such-user", "there is no user no-such-user"),
    ]
    for path, as_user, reason in cases:
        end = runner.end_of(runner.run(path, user=as_user))
        assert (end["type"], end["reason"]) == ("refused", reason), path
    no_interpreter = d / "interpreter"
    no_interpreter.write_text("#!/no/such/shell\n")
    no_interpreter.chmod(0o755)
    end = runner.end_of(runner.run(str(no_interpreter)))
    assert end["type"] == "refused" and end["reason"] == f"cannot start {no_interpreter}: No such file or directory"
    own = runner.script("own/program", "")
    of_root = runner.script("of-root/program", "")
    of_group = runner.script("of-group/program", "")
    for path, owner, mode in (("own", (user.pw_uid, user.pw_gid), 0o700), ("of-root", (0, 0), 0o700), ("of-group", (0, user.pw_gid), 0o750)):
        os.chown(d / path, *owner)
        (d / path).chmod(mode)
    for path, as_user in ((fine, None), (f"{d}/safe", None), (owned, user.pw_name), (own, user.pw_name), (of_root, "root"), (of_group, user.pw_name)):
        assert runner.end_of(runner.run(path, user=as_user))["passed"], path
    assert runner.end_of(runner.run(of_root))["reason"] == f"{of_root} Permission denied"


def test_refused_check_is_tried_again(runner):
    path = runner.directory / "late"
    runner.apply(command("late", str(path)))
    assert runner.answer(type="refused", check="late") == {"type": "refused", "check": "late", "generation": 1, "reason": f"{path} does not exist"}
    runner.script("late.new", "echo here")
    os.rename(f"{path}.new", path)
    end = runner.answer(type="result", check="late")
    assert end["passed"] and end["output"] == "here"


def test_not_understood(runner):
    """What is no message, or another version's, is answered where it can be, and the rest goes on."""
    runner.socket.send(b"not JSON")
    runner.socket.send(b"[]")
    runner.send(type="dance")
    runner.send(type="run", id=0)
    runner.send(type="check", generation=1, check={})
    for hook in ({}, {"timeout_us": 1000000}, {"timeout_us": 1000000, "run": []}, {"timeout_us": 1000000, "run": ["true"], **LIMITS}):
        runner.ids += 1
        runner.send(type="run", id=runner.ids, object="x", hook=hook)
        end = runner.end_of(runner.ids)
        assert end["type"] == "refused" and "not understood" in end["reason"]
    runner.apply({"name": "none"}, command("fine", "/bin/true"), {**command("odd", "/bin/true"), "tcp": 1})
    assert {runner.answer(type="refused")["check"] for _ in range(2)} == {"none", "odd"}
    assert runner.answer(check="fine")["passed"]
    runner.ids += 1
    runner.send(type="test", id=runner.ids, check="nobody knows")
    assert runner.end_of(runner.ids)["reason"] == "there is no such check"


# ---- the schedule ----

def counter(runner, name, more=""):
    return runner.script(name, f"echo run >>{runner.notes}/{name}; {more}")


def runs(runner, name):
    path = runner.notes / name
    return len(path.read_text().split()) if path.exists() else 0


def test_apply(runner):
    """Unchanged checks go on within their run, changed ones begin anew, missing ones end."""
    hang = runner.script("hang", f"echo run >>{runner.notes}/hang; echo $$ >{runner.notes}/hang-pid; while [ ! -e {runner.notes}/go ]; do sleep 0.01; done; echo gone on")
    other = runner.script("other", f"echo $$ >{runner.notes}/other-pid; exec sleep 1000")
    stays = command("stays", hang, interval=60)
    runner.apply(stays, command("changes", other, interval=60), command("quick", counter(runner, "quick")))
    before = int(runner.note("hang-pid"))
    changing = int(runner.note("other-pid"))
    runner.answer(check="quick", generation=1)
    runner.apply(stays, command("changes", "/bin/true", interval=60))
    assert runner.answer(check="changes", generation=2)["passed"]
    await_gone(changing, "what a changed check ran")
    assert is_alive(before) and runs(runner, "hang") == 1
    (runner.notes / "go").touch()
    end = runner.answer(check="stays")
    assert end["generation"] == 2 and end["passed"] and end["output"] == "gone on" and runs(runner, "hang") == 1
    assert not [m for m in runner.heard if m.get("check") == "quick" and m["generation"] == 2]
    runner.apply()
    runner.apply(command("last", "/bin/true"))
    assert runner.answer(check="last")["generation"] == 4


def test_result(runner):
    """One of each run; failed and timed out ones say why."""
    runner.apply(command("bad", runner.script("bad", "echo why; exit 1")), command("silent", "/bin/false"),
                 command("slow", runner.script("slow", "echo begun; exec sleep 1000"), timeout=0.05))
    for _ in range(3):
        end = runner.answer(check="bad", generation=1)
        assert not end["passed"] and end["output"] == "why" and not end["timed_out"] and "status" not in end
    assert runner.answer(check="silent")["output"] == "exit status 1"
    for _ in range(3):
        end = runner.answer(check="slow")
        assert end["timed_out"] and not end["passed"] and end["output"] == "no result within 50 ms" and end["duration_us"] >= 50000


def test_several_kinds(runner):
    """All must pass; the first that fails is told, and the others end."""
    listening = socket.create_server(("127.0.0.1", 0))
    here = {"address": "127.0.0.1", "port": listening.getsockname()[1]}
    slow = runner.script("slow", "sleep 0.05; echo fine")
    hang = runner.script("hang", f"echo $$ >{runner.notes}/pid; exec sleep 1000")
    runner.apply(command("both", slow, interval=60, tcp=here), command("bad", "/bin/false", interval=60, tcp=here))
    ends = {}
    while len(ends) < 2:
        end = runner.hear()
        ends[end["check"]] = end
    assert ends["both"]["passed"] and ends["both"]["output"] == "fine"
    assert not ends["bad"]["passed"] and ends["bad"]["output"] == "command: exit status 1"
    for _ in range(2):
        listening.accept()[0].close()
    runner.apply(command("unheard", hang, interval=60, timeout=60, tcp={**here, "expect": "welcome"}))
    pid = int(runner.note("pid"))
    listening.accept()[0].close()
    end = runner.answer(check="unheard")
    assert not end["passed"] and end["output"].startswith("tcp: closed")
    await_gone(pid, "the command of a check that has failed")
    listening.close()


def test_changed(runner):
    """What a probe sees change begins a run long before the interval is over."""
    number = runner.notes / "number"
    number.write_text("1")
    check = {"name": "file", "interval_us": 3600 * 10**6, "timeout_us": 10**6, "late_skip": False, "jitter_us": 0, "file": {"path": str(number), "min_micro": 5 * 10**6}}
    runner.apply(check)
    assert not runner.answer(check="file")["passed"]
    new = runner.notes / "new"
    new.write_text("7")
    new.rename(number)
    wait_for(lambda: runner.answer(check="file")["passed"], DEADLINE, "it is seen")


def test_late_skip(runner):
    """With a timeout beyond the interval one run at a time is all there is."""
    script = runner.script("slow", f"set -C; : >{runner.notes}/lock || echo twice >>{runner.notes}/wrong; sleep 0.3; rm {runner.notes}/lock")
    runner.apply(command("slow", script))
    for _ in range(3):
        assert runner.answer(check="slow")["passed"]
    assert not (runner.notes / "wrong").exists()


def test_queue(runner):
    """More hanging commands than may run at once keep no other from its turn, nor a hook from running."""
    hang = runner.script("hang", f"echo run >>{runner.notes}/hang; exec sleep 1000")
    hanging = [command(f"hang{n:03}", hang, interval=3600, timeout=3600) for n in range(160)]
    runner.apply(*hanging)
    wait_for(lambda: runs(runner, "hang") >= 128, DEADLINE, "as many as may run")
    runner.apply(*hanging, command("turn", "/bin/true", interval=3600))
    assert runner.answer(check="turn")["passed"]
    runner.apply(*[command(f"hang{n:03}", hang, interval=1, timeout=1) for n in range(160)], command("turn", "/bin/true", interval=60))
    assert runner.end_of(runner.run("/bin/true"))["passed"]
    seen = set()
    while len(seen) < 161:
        end = runner.answer(type="result")
        assert end["passed"] == (end["check"] == "turn")
        seen.add(end["check"])


def test_test(runner):
    """One run at once, besides the check's own; its end has the id."""
    runner.apply(command("rare", counter(runner, "rare", "echo asked; exit 1"), interval=3600))
    runner.answer(check="rare")
    runner.ids += 1
    runner.send(type="test", id=runner.ids, check="rare")
    end = runner.end_of(runner.ids)
    assert (end["type"], end["passed"], end["output"], end["status"], end["reason"]) == ("done", False, "asked", 1, "failed")
    assert runs(runner, "rare") == 2
    runner.apply(command("hang", runner.script("hang", f"echo $$ >>{runner.notes}/pids; exec sleep 1000"), interval=3600))
    wait_for(lambda: runs(runner, "pids") == 1, DEADLINE, "it runs")
    runner.ids += 1
    runner.send(type="test", id=runner.ids, check="hang")
    wait_for(lambda: runs(runner, "pids") == 2, DEADLINE, "the test runs")
    runner.send(type="cancel", id=runner.ids)
    assert runner.end_of(runner.ids)["reason"] == "cancelled"
    stubborn = runner.script("stubborn", "trap '' TERM; while :; do sleep 0.1; done")
    own, tested = (int(pid) for pid in runner.note("pids").split())
    await_gone(tested, "the cancelled test")
    assert is_alive(own)
    runner.apply(command("stubborn", stubborn, interval=3600, timeout=0.5))
    runner.answer(check="stubborn")
    runner.ids += 1
    runner.send(type="test", id=runner.ids, check="stubborn")
    end = runner.end_of(runner.ids)
    assert (end["timed_out"], end["passed"], end["reason"]) == (True, False, "timed out")
    runner.send(type="cancel", id=runner.ids)
    told = runner.ids
    assert runner.end_of(runner.run("/bin/true"))["passed"]
    assert len([m for m in runner.heard if m.get("id") == told]) == 1


def test_nobody_reads(runner):
    """Answers wait while the daemon reads none: the newest of each check, and every end of a hook."""
    count = runner.script("count", f"""
        echo run >>{runner.notes}/$1; n=$(wc -l <{runner.notes}/$1)
        [ $n -le {LAST_RUN} ] || exec sleep 1000
        echo $n""")
    names = [f"check{n}" for n in range(5)]
    runner.apply(*[command(name, count, name, interval=0.02, timeout=3600) for name in names])
    ids = [runner.run("/bin/true") for _ in range(400)]
    wait_for(lambda: all(runs(runner, name) > LAST_RUN for name in names), 60, "more runs than a socket holds results of")
    results, ends = {name: [] for name in names}, set()
    while len(ends) < len(ids) or any(str(LAST_RUN) not in outputs for outputs in results.values()):
        end = runner.hear()
        if end["type"] == "result":
            results[end["check"]].append(end["output"])
        else:
            assert end["passed"] and end["id"] not in ends
            ends.add(end["id"])
    assert ends == set(ids)
    assert sum(map(len, results.values())) < len(names) * LAST_RUN - 200, "older results gave way to newer ones"


# ---- systemd ----

def test_no_bus(make_runner):
    """Without a system bus a unit's hook fails with the reason, and its check does, and goes on."""
    runner = make_runner(environment={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/run/no-such-bus"})
    for verb in ("start", "stop", "restart"):
        end = runner.end_of(runner.unit(verb, "haproxy.service"))
        assert (end["type"], end["passed"], end["status"]) == ("done", False, -1) and end["reason"].startswith("the system's bus: ")
    check = command("unit", "", interval=0.05, timeout=0.05)
    del check["command"]
    runner.apply({**check, "unit": "haproxy.service"})
    for _ in range(3):
        end = runner.answer(check="unit")
        assert not end["passed"] and "bus" in end["output"]


@contextlib.contextmanager
def system_bus(runner_directory):
    """A manager of units; its address, and the calls that it has heard."""
    path = Path(runner_directory) / "bus"
    with subprocess.Popen([binary("tests/net/systemd_bus"), str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield f"unix:path={path}", process.stdout
        process.stdin.close()
    assert process.returncode == 0


def test_units(make_runner):
    """Jobs are followed to their end, whichever it is; a lost bus is found again."""
    directory = tempfile.mkdtemp(dir="/run", prefix="standby-runner-bus-")
    os.chmod(directory, 0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        address, calls = stack.enter_context(system_bus(directory))
        runner = make_runner(environment={"DBUS_SYSTEM_BUS_ADDRESS": address})
        for verb, method in (("start", "StartUnit"), ("stop", "StopUnit"), ("restart", "RestartUnit")):
            end = runner.end_of(runner.unit(verb, "done.service"))
            assert (end["passed"], end["status"], end["reason"], end["timed_out"]) == (True, -1, "", False)
            assert calls.readline() == f"{method} done.service replace\n"
        for unit, reason in (("failed.service", "systemd's job for failed.service failed"),
                             ("dependency.service", "systemd's job for dependency.service failed, for another unit that it needs"),
                             ("timeout.service", "systemd's job for timeout.service took too long for systemd"),
                             ("unknown.service", "systemd: Unit unknown.service not found."),
                             ("denied.service", "systemd: Interactive authentication required. (standby-runner(8) tells which rule allows it)")):
            end = runner.end_of(runner.unit("start", unit))
            assert (end["type"], end["passed"], end["reason"]) == ("done", False, reason)
        run = runner.unit("start", "never.service", timeout=0.5)
        end = runner.end_of(run)
        assert (end["passed"], end["timed_out"], end["reason"]) == (False, True, "systemd's job has not ended in time")
        waits = runner.unit("start", "never.service", timeout=60)
        cancelled = runner.unit("start", "never.target", timeout=60)
        runner.send(type="cancel", id=cancelled)
        assert runner.end_of(cancelled)["reason"] == "cancelled"
        lost = runner.unit("start", "lost.service")
        ends = {end["id"]: end for end in (runner.answer(type="done") for _ in range(2))}
        assert set(ends) == {waits, lost} and not any(end["passed"] for end in ends.values())
        assert ends[waits]["reason"] == "the connection to the system's bus is lost"
        assert runner.end_of(runner.unit("start", "done.service"))["passed"]
