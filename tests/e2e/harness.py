"""What the end-to-end tests share: where things lie, one central side per test class, waiting."""

import csv
import io
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests/fault")]

import quayside  # noqa: E402  (the path is set above)
from fault_proxy import Fault, FaultProxy  # noqa: E402
from loop import Loop, LoopError, wait_until  # noqa: E402

PROGRAMS = pathlib.Path(os.environ.get("WAYBILL_PROGRAMS", ROOT / "build/dev/bin"))
REAL_DATA = pathlib.Path(os.environ["WAYBILL_REAL_DATA"]) if os.environ.get("WAYBILL_REAL_DATA") else None
FINAL = {"archived", "refused", "duplicate"}
PATIENCE_S = 90  # sanitizers on a busy machine; what is awaited usually takes a second or two

__all__ = ["FINAL", "Fault", "FaultProxy", "Loop", "LoopError", "LoopTest", "PATIENCE_S", "PROGRAMS", "REAL_DATA", "ROOT", "quayside", "wait_until"]


class LoopTest(unittest.TestCase):
    """A test class with a central side of its own: database, stand-in and (by default) a worker."""

    agencies = ("harbor-kitchen",)
    with_worker = True
    own_contents = 0

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="waybill-e2e-"))
        cls.loop = Loop(cls.folder, PROGRAMS, os.environ.get("WAYBILL_TEST_POSTGRES"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.addClassCleanup(cls.loop.close)
        cls.loop.start(cls.agencies, worker=cls.with_worker)

    def agent(self, agency="harbor-kitchen", name=None, **settings):
        return self.loop.agent(agency, name or self.id().rsplit(".", 1)[1].replace("_", "-"), **settings)

    def put_own(self, agent, source, name=None):
        """Writes a good export whose content nobody else delivers: one that central has is a duplicate."""
        whole = (ROOT / "fixtures/exports/good" / source).read_text(encoding="utf-8")
        reader = csv.reader(io.StringIO(whole, newline=""))
        ends = [reader.line_num for _ in reader]  # a quoted field may hold line ends
        LoopTest.own_contents += 1
        kept = whole.splitlines(keepends=True)[:ends[-1 - LoopTest.own_contents]]
        agent.write(name or source, "".join(kept).encode())

    def wait(self, condition, what, timeout_s=PATIENCE_S):
        """Waits for condition(), and tells every log's end when it does not come true."""
        def and_all_alive():
            for process in self.loop.processes:
                if not process.running() and process.child.returncode not in (0, -9, -15):
                    raise LoopError(f"{process.name} ended with {process.child.returncode}:\n{process.tail(40)}")
            return condition()
        try:
            return wait_until(and_all_alive, timeout_s, what)
        except LoopError as error:
            tails = "".join(f"--- {p.name}\n{p.tail()}" for p in self.loop.processes)
            self.fail(f"{error}\n{tails}")

    def registered(self, agency, relative_path, states=FINAL, timeout_s=PATIENCE_S):
        """Waits until central's newest record of this path is in one of `states`, and returns it."""
        def look():
            rows = [row for row in self.loop.files(agency) if row["relative_path"] == relative_path]
            return rows[-1] if rows and rows[-1]["state"] in states else None
        return self.wait(look, f"{relative_path} at central in {sorted(states)}", timeout_s)

    def local(self, agent, relative_path, states):
        """Waits until the agent itself tells one of `states` of this file, and returns its problem (or {})."""
        def look():
            state, problem = agent.local(relative_path)
            return (problem or {}, True) if state in states else None
        return self.wait(look, f"{relative_path} in the ledger as one of {sorted(states)}")[0]
