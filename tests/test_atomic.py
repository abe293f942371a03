"""Files are replaced whole or not at all, whatever fails and whenever process or power go."""

import builtins
import contextlib
import fcntl
import importlib.util
import os
import resource
import signal
import stat
import subprocess
import sys
import threading

import pytest

from fastnn import atomic

OLD, NEW = b"old" * 1000, b"new" * 2000


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(OLD)
    return path


def test_a_file_is_made_and_replaced(tmp_path):
    atomic.replace(tmp_path / "m", [b"a", memoryview(b"bc"), b""])
    atomic.replace(os.fsencode(tmp_path / "m"), [NEW])
    assert (tmp_path / "m").read_bytes() == NEW
    assert os.listdir(tmp_path) == ["m"]


CALLS = ["fchmod", "fsync", "replace", "scandir"]


@pytest.mark.parametrize("fails", CALLS)
def test_a_call_that_fails_leaves_the_old_file_and_no_other(target, monkeypatch, fails):
    def fail(*arguments, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, fails, fail)
        with pytest.raises(OSError, match="No space"):
            atomic.replace(target, [NEW])
    assert target.read_bytes() == OLD
    assert [name for name in os.listdir(target.parent) if not name.startswith(".fastnn")] == ["m"]
    atomic.replace(target, [NEW])
    assert os.listdir(target.parent) == ["m"]


def test_a_folder_that_cannot_be_synced_is_an_error_and_the_new_file_is_whole(target, monkeypatch):
    calls = []

    def fail_second(handle):
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail_second)
    with pytest.raises(OSError, match="Input/output"):
        atomic.replace(target, [NEW])
    assert target.read_bytes() == NEW


def test_content_that_cannot_be_made_leaves_the_old_file(target):
    def pieces():
        yield NEW
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        atomic.replace(target, pieces())
    assert target.read_bytes() == OLD
    assert os.listdir(target.parent) == ["m"]


@pytest.mark.parametrize("most", [0, 1, 4096, 5999])
def test_a_disk_that_is_full_leaves_the_old_file(target, most):
    """The limit of a file's size stands for the disk: a write comes back short, the next fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            atomic.replace(target, [NEW])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert target.read_bytes() == OLD
    assert os.listdir(target.parent) == ["m"]


def test_a_missing_folder_is_pythons_own_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        atomic.replace(tmp_path / "none" / "m", [NEW])


def test_a_link_stays_and_leads_to_the_new_file(tmp_path, target):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link"
    link.symlink_to(target)
    atomic.replace(link, [NEW])
    assert link.is_symlink()
    assert target.read_bytes() == NEW


def test_permissions_are_those_of_the_old_file_or_of_any_new_one(tmp_path, target):
    target.chmod(0o640)
    atomic.replace(target, [NEW])
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    atomic.replace(tmp_path / "fresh", [NEW])
    (tmp_path / "plain").touch()
    assert (tmp_path / "fresh").stat().st_mode == (tmp_path / "plain").stat().st_mode


# ---- what others leave behind --------------------------------------------------------------------


def temporary(target):
    """The temporary file of somebody who is writing the target."""
    with contextlib.suppress(KeyboardInterrupt):
        atomic.replace(target, (_pause(target) for _ in range(1)))
    return _pause.seen


def _pause(target):
    _pause.seen = next(p for p in target.parent.iterdir() if p.name.startswith(".fastnn"))
    raise KeyboardInterrupt


def test_files_of_dead_writers_are_swept_those_of_the_living_are_not(target):
    name = temporary(target)
    dead = name.with_name(name.name[:-4] + "dead")
    living = name.with_name(name.name[:-4] + "beef")
    other = name.with_name(".fastnn-somebody-elses")
    for path in (dead, living, other):
        path.touch()
    with open(living, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        atomic.replace(target, [NEW])
    assert sorted(target.parent.iterdir()) == sorted([living, other, target])
    atomic.replace(target, [NEW])
    assert sorted(target.parent.iterdir()) == sorted([other, target])


def test_a_file_that_is_swept_before_it_is_locked_is_made_again(target, monkeypatch):
    real, taken = fcntl.flock, []

    def lose(file, operation):
        if not taken:
            taken.append(os.unlink(next(target.parent.glob(".fastnn*"))))
        real(file, operation)

    monkeypatch.setattr(fcntl, "flock", lose)
    atomic.replace(target, [NEW])
    assert target.read_bytes() == NEW


def test_a_file_that_is_locked_by_who_sweeps_it_is_made_again(target, monkeypatch):
    real, taken = fcntl.flock, []

    def busy(file, operation):
        if not taken:
            taken.append(True)
            raise BlockingIOError
        real(file, operation)

    monkeypatch.setattr(fcntl, "flock", busy)
    atomic.replace(target, [NEW])
    assert target.read_bytes() == NEW


def test_file_systems_without_locks_will_do(target, monkeypatch):
    def fail(file, operation):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", fail)
    name = temporary(target)
    name.touch()
    atomic.replace(target, [NEW])
    assert target.read_bytes() == NEW
    assert name.exists()


def test_several_writers_of_one_file_leave_what_one_of_them_wrote(target):
    contents = [bytes([i]) * 50000 for i in range(4)]
    threads = [
        threading.Thread(target=lambda c=c: [atomic.replace(target, [c]) for _ in range(20)])
        for c in contents
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert target.read_bytes() in [OLD, *contents]
    assert os.listdir(target.parent) == ["m"]


# ---- Windows -------------------------------------------------------------------------------------


def is_open(path):
    """Whether this process has the file open."""
    handles = os.listdir("/proc/self/fd")
    with contextlib.suppress(OSError):
        return any(os.path.realpath(f"/proc/self/fd/{each}") == str(path) for each in handles)
    return True


@pytest.fixture
def windows(monkeypatch):
    """The module as Windows has it, where what is open is neither removed nor renamed."""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc tells which files are open")

    def careful(call):
        def refuse(*paths):
            if any(is_open(path) for path in paths):
                raise PermissionError(13, "Permission denied")
            return call(*paths)

        return refuse

    real = builtins.__import__
    for name in ("replace", "unlink"):
        monkeypatch.setattr(os, name, careful(getattr(os, name)))
    for name in ("fchmod", "O_NONBLOCK"):
        monkeypatch.delattr(os, name)
    no_fcntl = lambda name, *rest: real("none" if name == "fcntl" else name, *rest)  # noqa: E731
    with monkeypatch.context() as patched:
        patched.setattr(sys, "platform", "win32")
        patched.setattr(builtins, "__import__", no_fcntl)
        spec = importlib.util.spec_from_file_location("windows_atomic", atomic.__file__)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    monkeypatch.setattr(module, "_PATIENCE", 0.2)
    return module


def test_windows_replaces_a_file_that_is_closed(windows, target):
    windows.replace(target.with_name("fresh"), [OLD])
    windows.replace(target, [NEW[:10], NEW[10:]])
    assert target.read_bytes() == NEW
    assert sorted(os.listdir(target.parent)) == ["fresh", "m"]


def test_windows_waits_for_a_reader_and_not_for_ever(windows, target):
    with open(target, "rb") as reader:
        with pytest.raises(PermissionError):
            windows.replace(target, [NEW])
        assert os.listdir(target.parent) == ["m"]
        closing = threading.Timer(0.05, reader.close)
        closing.start()
        windows.replace(target, [NEW])
    closing.join()
    assert target.read_bytes() == NEW


def test_windows_sweeps_what_was_closed_a_while_ago(windows, target):
    name = temporary(target)
    abandoned, recent, living = (name.with_name(name.name[:-1] + end) for end in "xyz")
    for path in (abandoned, recent, living):
        path.touch()
    for path in (abandoned, living):
        os.utime(path, (0, 0))
    with open(living, "rb"):
        windows.replace(target, [NEW])
    assert sorted(target.parent.iterdir()) == sorted([recent, living, target])


# ---- the power goes ------------------------------------------------------------------------------


class Disk:
    """Notes what is asked of a disk, and what may be on it when the power goes."""

    def __init__(self, patched):
        self.done = []
        patched.setattr(atomic, "_create", self._noting_writes(atomic._create))
        patched.setattr(os, "fsync", self._noting_syncs(os.fsync))
        patched.setattr(os, "replace", self._noting_renames(os.replace))

    def _noting_writes(self, real):
        def create(*arguments):
            path, file = real(*arguments)
            return path, Noted(file, lambda part: self.done.append(("write", part)))

        return create

    def _noting_syncs(self, real):
        def sync(handle):
            kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
            self.done.append(("fsync", kind))
            return real(handle)

        return sync

    def _noting_renames(self, real):
        def rename(old, new):
            self.done.append(("rename", new))
            return real(old, new)

        return rename


class Noted:
    """A file that tells what is written to it."""

    def __init__(self, file, note):
        self._file, self._note = file, note

    def writelines(self, pieces):
        for piece in pieces:
            self._note(bytes(piece))
            self._file.write(piece)

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()


def torn(content):
    """What may be on the disk of content that was written, and not synced."""
    yield from (b"", bytes(len(content)), content)
    for at in range(0, len(content), 512):
        yield content[:at]
        yield content[:at] + bytes(len(content) - at)
        yield bytes(at) + content[at:]


def states(done):
    """Yield what the target may hold after a prefix of what was asked of the disk.

    A file system may put off anything that was not synced, and do it in any order.
    """
    written, synced, renamed, kept = b"", False, False, False
    for what, *arguments in done:
        written += arguments[0] if what == "write" else b""
        synced = synced or (what == "fsync" and not renamed and arguments == ["file"])
        renamed = renamed or what == "rename"
        kept = kept or (renamed and (what, arguments) == ("fsync", ["folder"]))
    if not kept:
        yield OLD
    if renamed:
        yield from [written] if synced else torn(written)


def test_whenever_the_power_goes_the_old_file_is_there_or_the_new_one(target, monkeypatch):
    parts = [NEW[:700], NEW[700:]]
    with monkeypatch.context() as patched:
        disk = Disk(patched)
        atomic.replace(target, parts)
    kinds = [kind for kind, *_ in disk.done]
    assert kinds == ["write", "write", "fsync", "rename", "fsync"]
    seen = 0
    for length in range(len(disk.done) + 1):
        for state in states(disk.done[:length]):
            assert state in (OLD, NEW)
            seen += 1
    assert seen >= len(disk.done)
    assert list(states(disk.done)) == [NEW]


def test_a_folder_is_refused_by_its_own_name(tmp_path):
    with pytest.raises(IsADirectoryError, match="this is a folder") as caught:
        atomic.replace(tmp_path, [NEW])
    assert caught.value.filename == str(tmp_path)


def test_without_either_sync_a_torn_file_would_be_found(target, monkeypatch):
    """That the states above can fail: those of a writer that leaves a sync out."""
    with monkeypatch.context() as patched:
        disk = Disk(patched)
        atomic.replace(target, [NEW])
    unsynced = [each for each in disk.done if each[0] != "fsync"]
    assert any(state not in (OLD, NEW) for state in states(unsynced))
    no_folder = disk.done[:-1]
    assert OLD in states(no_folder)


# ---- campaigns, in small -------------------------------------------------------------------------


def test_a_small_campaign_of_kills():
    script = os.path.join(os.path.dirname(__file__), "nightly", "night.py")
    sizes = ["--small", "--only", "kills"]
    done = subprocess.run(
        [sys.executable, script, *sizes], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| kills")]
    assert len(table) == 2
    assert all(int(trials) >= 20 for _, _, trials, *_ in table)
    assert [failures.strip() for *_, failures, _ in table] == ["0", "0"]
