"""Lanes: agencies side by side on one central, each with its agent, its faulty line and its truth.

Place:   tests/fault, above scripts/loop.py. A lane's rounds are independent of the other lanes', because
         central works on agencies side by side and a fault belongs to one agency's traffic.
"""

import os
import pathlib
import re
import sqlite3
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from exports import Truth, write_agency  # noqa: E402  (the path is set above)
from fault_proxy import FaultProxy  # noqa: E402
from loop import Loop, LoopError, wait_until  # noqa: E402
from oracle import Ledger, Oracle  # noqa: E402

__all__ = ["Central", "Lane", "LoopError", "ROOT", "SETTLED", "wait_until"]

SETTLED = {"processed", "archived", "refused", "duplicate", "superseded", "vanished"}
SETTINGS = {  # small, so that small files travel in chunks as large ones do
    "resumable_above_bytes": "16384", "upload_chunk_bytes": "16384", "set_wait_s": "20",
    "preflight": '"report"',  # bad files travel, too, and central refuses them
}
SWEEP_TIMEOUT_S = 120
AGENT = {  # as fast as the configuration allows
    "ready": {"quiet_ms": 100}, "scan": {"interval_ms": 400}, "sync": {"interval_ms": 1000},
    "delivery": {"close_after_idle_ms": 200}, "upload": {"parallel": 1},
}


def lane_of(head, body):
    """The lane a worker's storage request is about: object paths begin with the agency's slug."""
    found = re.search(rb"lane-[a-z0-9-]+", head) or re.search(rb"lane-[a-z0-9-]+", body or b"")
    return found.group().decode() if found else ""


class Central:
    """PostgreSQL, stand-in and worker, the worker behind a faulty line of its own."""

    def __init__(self, folder, programs, server_url=None, workers=4, lease_s=5):
        self.loop = Loop(folder, programs, server_url)
        self.workers, self.lease_s = workers, lease_s
        self.worker = self.line = None
        self.lanes = []

    def start(self):
        self.loop.start([], worker=False)
        for name, value in SETTINGS.items():
            self.put_setting(name, value)
        self.line = FaultProxy(self.loop.port, key_of=lane_of)
        self.start_worker()
        return self

    def put_setting(self, name, value):
        self.loop.database.run(f"SET ROLE service_role; SELECT ingest.put_setting('{name}', '{value}', 'fault test')")

    def start_worker(self):
        direct, self.loop.project_url = self.loop.project_url, self.line.url
        try:
            self.worker = self.loop.start_worker(workers=self.workers, poll_ms=50, lease_s=self.lease_s)
        finally:
            self.loop.project_url = direct

    def lane(self, name, **settings):
        self.lanes.append(Lane(self, name, **settings))
        return self.lanes[-1]

    def sweep(self):
        """Has the workers remove what no file wants, now and not in a week; what is left of it after a while."""
        def left():
            return [path for lane in self.lanes for path in lane.oracle.orphans()[0]]
        unwanted = left()
        self.line.reset()
        for name, value in (("orphan_grace_s", 0), ("orphan_walk_s", 1)):
            self.put_setting(name, value)
        deadline = time.monotonic() + SWEEP_TIMEOUT_S
        while left() and time.monotonic() < deadline:
            time.sleep(0.5)
        wrong = [f"unwanted and not swept: {path}" for path in left()]
        wrong += [f"{lane.slug}: after the sweep: {sentence}" for lane in self.lanes for sentence in lane.oracle.check()]
        print(f"{len(unwanted)} objects that no file wanted were swept" if not wrong else "\n".join(f"BROKEN {w}" for w in wrong), flush=True)
        return wrong

    def close(self):
        for lane in self.lanes:
            lane.line.close()
        if self.line:
            self.line.close()
        self.loop.close()


def damage(path, how):
    """Deleted, zeroed, or cut in half."""
    if how == "deleted" or path.name.endswith("-shm"):
        path.unlink()
    elif how == "zeroed":
        path.write_bytes(bytes(path.stat().st_size))
    else:
        os.truncate(path, path.stat().st_size // 2)


class Lane:
    """One agency: slug lane-NAME, its agent behind self.line, and everything it ever exported."""

    def __init__(self, central, name, **settings):
        self.central, self.loop = central, central.loop
        self.slug = f"lane-{name}"
        self.ends = SETTLED
        self.loop.central("agency", "put", write_agency(self.loop.folder / "agencies" / self.slug, self.slug))
        self.line = FaultProxy(self.loop.port, token_secret=self.loop.keys["jwt_secret"])
        self.agent = self.loop.agent(self.slug, self.slug, project_url=self.line.url, **{**AGENT, **settings})
        self.truth = Truth(self.agent.export)
        self.ledger = Ledger(self.agent.folder / "state")
        self.oracle = Oracle(self.loop, self.slug, self.agent.folder / "state", self.truth)

    def unsettled(self, prefix=""):
        """Paths of last contents that the ledger does not yet tell an end of."""
        ends = {}
        try:
            versions = self.ledger.versions(prefix)
        except sqlite3.DatabaseError:  # lost, and not begun anew yet
            versions = []
        for file in versions:
            key = file["relative_path"], file["original_sha256"]
            ends[key] = ends.get(key, True) and file["state"] in self.ends
        return [export.path for export in self.truth.below(prefix)
                if export.is_last and not ends.get((export.path, export.sha256))]

    def wait_settled(self, prefix="", timeout_s=60, mend=lambda: False):
        """Waits for an end of everything; the paths that have none when the time is over. `mend` is asked
        again and again and tells whether it has started the agent again."""
        deadline = time.monotonic() + timeout_s
        while mend() or (left := self.unsettled(prefix)):
            if time.monotonic() > deadline:
                return left
            if not self.agent.process.running() and not mend():
                raise LoopError(f"{self.agent.name} ended by itself:\n{self.agent.process.tail(30)}")
            time.sleep(0.05)
        return []

    def lose_ledger(self, how="deleted"):
        """Damages the ledger of an agent that does not run."""
        for path in self.ledger.path.parent.glob("ledger.sqlite3*"):
            if path.name in ("ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"):
                damage(path, how)

    def uploads(self):
        """{object path: how often its whole body was taken with a 2xx}, of the line's present exchanges."""
        taken = {}
        for step in self.line.exchanges:
            if step.method == "PUT" and 200 <= step.status < 300:
                taken[step.path] = taken.get(step.path, 0) + 1
        return taken
