"""Files that are replaced whole, or not at all.

The content goes to a temporary file in the same folder, which is synced and then renamed, and the
folder is synced.  A process that is killed, a full disk and a power failure leave the old file or
the new one.  What a killed process leaves behind beside it, the next one that writes the same file
removes: a temporary file is locked as long as somebody writes it.

Windows neither removes an open file nor renames one, nor puts another in its place.  So there a
file that is open is as good as locked, one that was closed a minute ago is swept away, and who
finds the old file open tries again for a while.  It syncs no folders: NTFS has a journal of names.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import sys
import time
from collections.abc import Iterable
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl

__all__ = ["replace"]

#: Seconds for which Windows is asked again to put a file in the place of one that is open.
_PATIENCE = 2.0
#: Seconds after which Windows sweeps away a file that nobody has open.
_ABANDONED = 60.0


def replace(path: str | os.PathLike[str], pieces: Iterable[bytes | memoryview]) -> None:
    """Replace the file at ``path`` by one that holds ``pieces``; a reader sees the old or the new.

    A link stays one: the file that it leads to is replaced.  So do permissions.

    Args:
        path: the file; its folder has to be there.
        pieces: what it is to hold, in order; if making them fails, nothing has changed.

    Raises:
        OSError: if it could not be written, or is a folder; the old file is then as it was.
    """
    if os.path.isdir(path):
        said = "this is a folder, name a file in it"
        raise IsADirectoryError(errno.EISDIR, said, os.fsdecode(path))
    folder, name = os.path.split(os.path.realpath(os.fsdecode(path)))
    stem = f".fastnn-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}-"
    _sweep(folder, stem)
    temporary, file = _create(folder, stem)
    try:
        with file:
            file.writelines(pieces)
            file.flush()
            with contextlib.suppress(FileNotFoundError):
                _permit(file, os.stat(os.path.join(folder, name)).st_mode & 0o7777)
            os.fsync(file.fileno())
            _rename(file, temporary, os.path.join(folder, name))
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _create(folder: str, stem: str) -> tuple[str, BinaryIO]:
    """Return a new file, and its path; it is locked until it is closed."""
    while True:
        path = os.path.join(folder, stem + secrets.token_hex(8))
        file = open(path, "xb")  # noqa: SIM115
        if _is_locked_by(file) and os.fstat(file.fileno()).st_nlink:
            return path, file
        file.close()  # another process swept it away before it was locked


if sys.platform == "win32":

    def _is_locked_by(file: BinaryIO) -> bool:
        return True

    def _sweep(folder: str, stem: str) -> None:
        with os.scandir(folder) as entries:
            left = [entry for entry in entries if entry.name.startswith(stem)]
        for entry in left:
            with contextlib.suppress(OSError):
                if time.time() - os.stat(entry.path).st_mtime > _ABANDONED:
                    os.unlink(entry.path)

    def _permit(file: BinaryIO, mode: int) -> None:
        pass  # a new file's are its folder's

    def _rename(file: BinaryIO, temporary: str, path: str) -> None:
        file.close()
        last = time.monotonic() + _PATIENCE
        while True:
            try:
                return os.replace(temporary, path)
            except PermissionError:
                if time.monotonic() > last:
                    raise
            time.sleep(0.01)

    def _sync_folder(folder: str) -> None:
        pass

else:

    def _is_locked_by(file: BinaryIO) -> bool:
        """Lock a new file, on file systems that have locks; return whether nobody else has."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass  # nobody can lock it, so nobody sweeps it away
        return True

    def _sweep(folder: str, stem: str) -> None:
        """Remove temporary files of this name whose writers are dead."""
        with os.scandir(folder) as entries:
            left = [entry.path for entry in entries if entry.name.startswith(stem)]
        for path in left:
            with contextlib.suppress(OSError), open(path, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(path)

    def _permit(file: BinaryIO, mode: int) -> None:
        """Give the new file the permissions of the old one."""
        os.fchmod(file.fileno(), mode)

    def _rename(file: BinaryIO, temporary: str, path: str) -> None:
        """Put the open file in the place of the old one."""
        os.replace(temporary, path)

    def _sync_folder(folder: str) -> None:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
