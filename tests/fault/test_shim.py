#!/usr/bin/env python3
"""The shim has each call that changes a disk fail, once, and counts no other; reads fail, and a disk is slow, as
long as that is asked for."""
import ctypes
import errno
import os
import pathlib
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import faults  # noqa: E402

AT = -100  # AT_FDCWD
NEW = os.O_CREAT | os.O_WRONLY
CHANGES = {
    "open": (b"new", NEW, 0o600), "open64": (b"new", os.O_RDWR | os.O_CREAT, 0o600), "openat": (AT, b"new", NEW, 0o600),
    "openat64": (AT, b"new", NEW, 0o600), "mkstemp": (b"new-XXXXXX",), "mkstemp64": (b"new-XXXXXX",),
    "mkostemp": (b"new-XXXXXX", 0), "mkostemp64": (b"new-XXXXXX", 0), "link": (b"there", b"new"),
    "symlink": (b"there", b"new"), "rename": (b"there", b"new"), "unlink": (b"there",), "unlinkat": (AT, b"there", 0),
    "mkdir": (b"new", 0o700), "rmdir": (b"folder",), "chmod": (b"there", 0o400), "fchmod": ("file", 0o400),
    "write": ("file", b"x", 1), "pwrite": ("file", b"x", 1, 0), "pwrite64": ("file", b"x", 1, 0),
    "ftruncate": ("file", 0), "ftruncate64": ("file", 0), "fsync": ("file",), "fdatasync": ("file",),
}
READS = {"read": (1,), "pread": (1, 0), "pread64": (1, 0)}
SLOW_MS = 100
OTHERS = {"open": (b"there", os.O_RDONLY), "write": ("pipe", b"x", 1), "access": (b"there", 0)}


class Shim(unittest.TestCase):
    def setUp(self):
        os.chdir(self.enterContext(tempfile.TemporaryDirectory()))
        self.faults = faults.Faults(pathlib.Path(os.environ["HOLDFAST_FAULTS"]))
        self.libc = ctypes.CDLL(None, use_errno=True)
        pathlib.Path("there").write_bytes(b"text")
        pathlib.Path("folder").mkdir(exist_ok=True)
        self.open = {"file": os.open("there", os.O_RDWR), "folder": os.open("folder", os.O_RDONLY), "pipe": os.pipe()[1]}

    def call(self, name, given):
        """Calls it with the next one to fail; returns errno, 0 if it did not, and whether that was counted."""
        values = [self.open.get(value, value) if isinstance(value, str) else value for value in given]
        self.faults.set(faults.Faults.FAIL_IN, 1)
        failed = getattr(self.libc, name)(*values) == -1
        counted = self.faults.get(faults.Faults.FAIL_IN) == 0
        self.faults.end()
        return ctypes.get_errno() if failed else 0, counted

    def test_what_changes_a_disk_fails(self):
        for name, given in {**CHANGES, "fsync of a folder": ("folder",)}.items():
            with self.subTest(name):
                before = sorted(os.listdir()), pathlib.Path("there").stat()
                self.assertEqual(self.call(name.split()[0], given), (errno.EIO, True))
                self.assertEqual((sorted(os.listdir()), pathlib.Path("there").stat()), before)

    def test_what_does_not_is_not_counted(self):
        for name, given in OTHERS.items():
            with self.subTest(name):
                self.assertEqual(self.call(name, given), (0, False))

    def test_reads_of_files_fail_and_no_others(self):
        pipe, into = os.pipe()
        os.write(into, b"text")
        bytes_read = ctypes.create_string_buffer(1)
        for name, more in READS.items():
            with self.subTest(name):
                for number, gives in ((errno.EIO, -1), (0, 1)):
                    self.faults.set(faults.Faults.READ, number)
                    self.assertEqual(getattr(self.libc, name)(self.open["file"], bytes_read, *more), gives)
        self.faults.set(faults.Faults.READ, errno.EIO)
        self.assertEqual(self.libc.read(pipe, bytes_read, 1), 1)
        self.faults.end()

    def test_a_slow_disk_takes_its_time(self):
        self.faults.set(faults.Faults.SYNC_MS, SLOW_MS)
        for name in ("fsync", "fdatasync"):
            began = time.monotonic()
            self.assertEqual(getattr(self.libc, name)(self.open["file"]), 0)
            self.assertGreaterEqual(time.monotonic() - began, SLOW_MS / 1000)
        self.faults.end()

    def test_it_fails_once(self):
        self.faults.set(faults.Faults.FAIL_IN, 2)
        self.assertEqual([self.libc.chmod(b"there", 0o600) for _ in range(4)], [0, -1, 0, 0])


def main():
    """Begins anew with the shim before all else, in a folder of its own."""
    if "HOLDFAST_FAULTS" in os.environ:
        unittest.main()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "faults"
        faults.Faults(path)
        done = os.spawnve(os.P_WAIT, sys.executable, [sys.executable, "-B", __file__, *sys.argv[1:]],
                          {**os.environ, "HOLDFAST_FAULTS": str(path), "LD_PRELOAD": faults.SHIM})
    sys.exit(done)


if __name__ == "__main__":
    main()
