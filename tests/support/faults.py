"""What a program's shim (tests/fault/shim.c) does to its disk and clock; changed while the program runs."""
import mmap
import os
import struct

SHIM = os.environ.get("HOLDFAST_FAULT_SHIM", "")


class Faults:
    SYNC, WRITE, CLOCK_MS, KILL_IN, FAIL_IN, READ, SYNC_MS = range(7)
    SIZE = 8 * 7

    def __init__(self, path):
        if not path.exists():  # else somebody may have it in memory
            path.write_bytes(bytes(self.SIZE))
        self.path = path
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), self.SIZE)

    def set(self, which, number):
        struct.pack_into("<q", self.map, 8 * which, number)

    def give(self, program):
        """Lets a process have them, if there is a shim."""
        program.env["HOLDFAST_FAULTS"] = str(self.path)
        if SHIM:
            program.env["LD_PRELOAD"] = SHIM

    def get(self, which):
        return struct.unpack_from("<q", self.map, 8 * which)[0]

    def end(self):
        for which in set(range(7)) - {self.CLOCK_MS}:  # the clock stays where it is
            self.set(which, 0)


def set_clock(program, ahead_ms):
    """Gives a program that does not run a clock that is so much ahead."""
    assert SHIM, "$HOLDFAST_FAULT_SHIM does not name the shim"
    faults = Faults(program.log.with_suffix(".faults"))
    faults.set(Faults.CLOCK_MS, ahead_ms)
    faults.give(program)
