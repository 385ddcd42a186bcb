"""A small disk whose power can be cut: an ext4 file system in a file, on a loop device.

Owns mounting and cutting; refuses to know what is on it. The cut is the kernel's own (EXT4_IOC_SHUTDOWN without a
flush of the journal): from one moment on nothing more reaches the disk, and what was not there yet is lost. A copy of
the image would not be one moment of the disk: while it is copied the writer goes on. The next mount replays the
journal.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.domain import StoreError

SIZE = 96 << 20
_SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN, `_IOR('X', 125, __u32)` of fs/ext4/ext4.h."""
_NO_LOG_FLUSH = 2


class LoopDisk:
    """An ext4 file system in `folder`, mounted or not."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "disk"
        self._image = folder / "image"

    def make(self) -> None:
        """Make the file system, without what ext4 does for programs that forget to fsync before a rename.

        Raises:
            StoreError: it cannot be made or mounted here.
        """
        self.root.mkdir()
        with self._image.open("wb") as file:
            file.truncate(SIZE)
        _do("mkfs.ext4", "-q", "-F", str(self._image))
        self.mount()

    def mount(self) -> None:
        """Mount it, which replays its journal.

        Whoever copied this machine's mounts meanwhile (a container that starts) still has the disk that was cut. The
        kernel then gives that one again, on which every access fails. So a copy of the image is mounted instead: nobody
        writes to it any more.

        Raises:
            StoreError: it cannot be mounted.
        """
        self._mount()
        if not self._is_powered():
            self.unmount()
            other = self._image.with_name("copy")
            shutil.copyfile(self._image, other)
            other.replace(self._image)
            self._mount()

    def _mount(self) -> None:
        _do("mount", "-o", "loop,noauto_da_alloc", str(self._image), str(self.root))

    def _is_powered(self) -> bool:
        try:
            os.close(os.open(self.root, os.O_TMPFILE | os.O_RDWR))  # needs the disk, and leaves nothing on it
        except OSError as error:
            return error.errno != errno.EIO
        return True

    def cut(self) -> None:
        """Cut the power: every access fails from now on."""
        handle = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(handle)

    def unmount(self) -> None:
        """Unmount it; nobody may have a file open in it."""
        _do("umount", str(self.root))

    def check(self) -> None:
        """Look at the whole file system, unmounted. Raises StoreError where ext4 itself is damaged."""
        _do("e2fsck", "-f", "-n", str(self._image))


@contextmanager
def loop_disk(folder: Path) -> Iterator[LoopDisk]:
    """A mounted disk, unmounted afterwards whatever happened.

    Raises:
        StoreError: it cannot be made or mounted here.
    """
    disk = LoopDisk(folder)
    disk.make()
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk.root], capture_output=True, check=False)


def _do(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise StoreError(f"there is no `{command[0]}` here", cure="install e2fsprogs and mount") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise StoreError(
            f"`{' '.join(command)}` failed: {said[0]}", cure="run as root, where loop devices may be mounted"
        )
