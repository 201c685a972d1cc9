#!/usr/bin/env python3
"""Nobody waits for somebody else: readers for the writer, the loop for readers, one for another."""
import contextlib
import os
import sqlite3
import subprocess
import threading

from rig import PATIENCE, Api, main
from test_lists import FLEET, ROWS


class Fairness(Api):
    seed = FLEET

    @contextlib.contextmanager
    def busy_writer(self):
        """Somebody writes and does not come to an end."""
        with contextlib.closing(sqlite3.connect(self.folder / "hub.db", isolation_level=None,
                                                check_same_thread=False)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield
            db.execute("ROLLBACK")

    def test_readers_and_the_loop_go_on_while_the_store_cannot_write(self):
        said = []
        change = threading.Thread(target=lambda: said.append(self.ask("POST", "/api/v1/sync")))
        with self.busy_writer():
            change.start()
            self.assertEqual(self.get("/status", total="true")["total"], ROWS)
            self.assertEqual(self.ask("GET", "/readyz").status, 200)  # asks the loop
            self.assertEqual(self.get("/apps/web")["clusters"], ROWS)
            self.assertEqual(said, [])  # not before it is on record
        change.join(PATIENCE)
        self.assertEqual(said[0].status, 202)

    def test_long_answers_hold_up_no_short_ones(self):
        read = []

        def read_all():
            read.append(len(self.ask("GET", "/api/v1/status?limit=5000").json["items"]))
        readers = [threading.Thread(target=read_all) for _ in range(12)]
        for reader in readers:
            reader.start()
        for _ in range(20):
            self.assertEqual(self.ask("GET", "/readyz").status, 200)
        for reader in readers:
            reader.join(PATIENCE)
        self.assertEqual(read, [5000] * 12)

    def test_readers_are_lent_not_made_for_each_request(self):
        link = self.connection()
        self.ask("GET", "/api/v1/summary", link=link)
        before = self.open_databases()
        for _ in range(50):
            self.ask("GET", "/api/v1/summary", link=link)
        self.assertLessEqual(self.open_databases(), before)
        self.assertLessEqual(before, 10)  # the writer, the feed, a reader for each thread

    def test_who_asks_comes_before_all_other_work_if_the_system_lets_him(self):
        may = subprocess.run(["nice", "-n", "-10", "true"], capture_output=True, check=True).stderr
        own = os.getpriority(os.PRIO_PROCESS, self.server.pid)
        sooner = [at for at in self.turns() if at < own]
        if may:  # it says that it may not
            self.assertEqual(sooner, [])
        else:  # the server's threads, the workers, the feed, who watches the time
            self.assertEqual(sooner, [max(own - 10, -20)] * 10)
        self.assertEqual(self.turns().count(own), len(self.turns()) - len(sooner))

    def turns(self):
        """When its threads have their turn: below that of the others is sooner."""
        turns = []
        for thread in os.listdir(f"/proc/{self.server.pid}/task"):
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                turns.append(os.getpriority(os.PRIO_PROCESS, int(thread)))
        return turns

    def open_databases(self):
        folder = f"/proc/{self.server.pid}/fd"
        count = 0
        for fd in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):  # it has just been closed
                count += os.readlink(f"{folder}/{fd}").endswith("/hub.db")
        return count


if __name__ == "__main__":
    main()
