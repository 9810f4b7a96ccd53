"""The ledger is lost, damaged, put back or cloned, with real processes: what an agent does about it alone,
and what central refuses until somebody has looked."""

import os
import pathlib
import shutil
import tempfile
import unittest

from exports import night
from lanes import ROOT, Central, wait_until
from loop import Agent

PROGRAMS = pathlib.Path(os.environ.get("WAYBILL_PROGRAMS", ROOT / "build/dev/bin"))
PATIENCE_S = 90


class LostLedgerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="waybill-fault-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.central = Central(cls.folder, PROGRAMS, os.environ.get("WAYBILL_TEST_POSTGRES"))
        cls.addClassCleanup(cls.central.close)
        cls.central.start()

    def lane_with_a_night(self, name):
        """A lane whose first night is over, its agent stopped."""
        lane = self.central.lane(name)
        self.addCleanup(lambda: lane.agent.process and lane.agent.process.stop())
        night(lane.truth, "first")
        lane.agent.start()
        self.settled(lane)
        lane.agent.process.stop()
        lane.line.reset()
        return lane

    def settled(self, lane):
        self.assertEqual(lane.wait_settled(timeout_s=PATIENCE_S), [])
        wait_until(lambda: not lane.oracle.check(), PATIENCE_S, f"nothing wrong; now: {lane.oracle.check()}", 0.3)

    def bodies(self, lane):
        return [str(step) for step in lane.line.exchanges if step.method in ("PUT", "PATCH") or "/resumable" in step.path]

    def problem(self, lane):
        """What `waybill status` says, as text."""
        return lane.agent.run("status", check=False).stdout

    def alerts(self, lane):
        return [row["kind"] for row in self.central.loop.database.rows(
            f"SELECT a.kind FROM ingest.alert a JOIN ingest.tenant t USING (tenant_id) WHERE t.slug = '{lane.slug}'")]

    def agent_id(self, lane):
        return self.central.loop.database.value(
            f"SELECT a.agent_id FROM ingest.agent a JOIN ingest.tenant t USING (tenant_id) WHERE t.slug = '{lane.slug}'")

    # ---- lost and damaged

    def test_a_lost_or_damaged_ledger_is_rebuilt_alone_without_an_upload(self):
        for how in ("deleted", "zeroed", "truncated"):
            with self.subTest(how):
                lane = self.lane_with_a_night(how)
                lane.lose_ledger(how)
                lane.agent.start()
                self.settled(lane)
                self.assertEqual(self.bodies(lane), [])
                self.assertIn("ledger_replaced", self.alerts(lane))
                aside = list(lane.ledger.path.parent.glob("ledger.sqlite3.damaged-*"))
                self.assertEqual(bool(aside), how != "deleted")
                night(lane.truth, "second")
                self.settled(lane)
                self.assertTrue(self.bodies(lane))

    def test_a_ledger_lost_while_files_are_under_way_sends_only_what_has_not_arrived(self):
        lane = self.lane_with_a_night("midway")
        self.central.worker.kill()
        night(lane.truth, "second")
        lane.agent.start()
        received = """SELECT count(*) AS n FROM ingest.job_file f JOIN ingest.tenant t USING (tenant_id)
                       WHERE t.slug = 'lane-midway' AND f.state = 'received'"""
        wait_until(lambda: self.central.loop.database.value(received) >= 3, PATIENCE_S, "some files received")
        lane.agent.process.kill()
        taken = lane.uploads()
        lane.lose_ledger("deleted")
        self.central.start_worker()
        lane.agent.start()
        self.settled(lane)
        self.assertEqual({path: count for path, count in lane.uploads().items() if count > 1}, {})
        self.assertEqual(set(taken) - set(lane.uploads()), set())

    # ---- put back and cloned

    def test_an_older_copy_of_the_ledger_is_refused_until_it_is_accepted(self):
        lane = self.lane_with_a_night("restored")
        copy = self.copy_state(lane, "backup")
        night(lane.truth, "second")
        lane.agent.start()
        self.settled(lane)
        lane.agent.process.stop()
        lane.line.reset()
        shutil.rmtree(lane.ledger.path.parent)
        copy.rename(lane.ledger.path.parent)
        lane.agent.start()
        wait_until(lambda: "WB-2007" in self.problem(lane), PATIENCE_S, "the refusal in the status")
        self.assertEqual(self.bodies(lane), [])
        self.assertIn("ledger_diverged", self.alerts(lane))
        self.central.loop.central("agent", "accept-ledger", self.agent_id(lane), "--reason", "restored from backup")
        lane.agent.process.stop()  # started again, it asks at once
        lane.agent.start()
        self.assertEqual(lane.wait_settled(timeout_s=PATIENCE_S), [])
        # What the copy had not seen is registered again, and found to be there. Only what central had
        # refused travels again: it may be better now.
        again = {file["state"] for file in lane.ledger.versions("second/") if not file["relative_path"].endswith("bad.csv")}
        self.assertEqual(again, {"duplicate"})
        self.assertEqual(lane.oracle.staged_once_or_refused(lane.oracle.registry()), [])
        self.assertLessEqual(len(self.bodies(lane)), 1)

    def test_of_two_agents_with_one_identity_the_second_is_refused(self):
        lane = self.lane_with_a_night("cloned")
        clone = Agent(self.central.loop, "clone", lane.slug, project_url=lane.line.url, **{"sync": {"interval_ms": 1000}})
        self.copy_state(lane, "clone-state").rename(clone.folder / "state")
        lane.agent.start()
        night(lane.truth, "second")
        self.settled(lane)
        clone.write("small_clone.csv", b"code,name\nstranger,x\n")
        clone.start()
        wait_until(lambda: "WB-2007" in clone.run("status", check=False).stdout, PATIENCE_S, "the clone's refusal")
        clone.process.stop()
        self.assertIn("ledger_diverged", self.alerts(lane))
        names = {file["relative_path"] for file in lane.oracle.registry()}
        self.assertNotIn("small_clone.csv", names)

    @staticmethod
    def copy_state(lane, name):
        copy = lane.agent.folder / name
        shutil.copytree(lane.ledger.path.parent, copy)
        return copy


if __name__ == "__main__":
    unittest.main()
