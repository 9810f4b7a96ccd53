"""The oracle sees what it is there for: each kind of damage is planted, told, and taken back."""

import os
import pathlib
import shutil
import sqlite3
import tempfile
import unittest

from exports import make, night
from lanes import ROOT, Central, wait_until

PROGRAMS = pathlib.Path(os.environ.get("WAYBILL_PROGRAMS", ROOT / "build/dev/bin"))


class OracleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="waybill-fault-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.central = Central(cls.folder, PROGRAMS, os.environ.get("WAYBILL_TEST_POSTGRES"))
        cls.addClassCleanup(cls.central.close)
        cls.central.start()
        cls.lane = cls.central.lane("oracle")
        night(cls.lane.truth, "0")
        cls.lane.agent.start()
        left = cls.lane.wait_settled()
        cls.wait_archived()
        cls.lane.agent.process.stop()
        cls.central.worker.stop()  # it would mend what the tests do
        assert not left, left

    @classmethod
    def wait_archived(cls):
        ends = {"archived", "refused", "duplicate"}
        oracle = cls.lane.oracle
        wait_until(lambda: {file["state"] for file in cls.lane.ledger.versions()} == ends and not oracle.check() + oracle.left_over(),
                   30, "a night archived and clean")

    def told(self, words):
        oracle = self.lane.oracle
        wrong = oracle.check() + oracle.left_over() + oracle.chain_of_custody()
        self.assertTrue(any(words in sentence for sentence in wrong), f"{words}: {wrong}")

    def central_change(self, change, back, words, is_clean_after=True):
        run = self.lane.loop.database.run
        run("SET session_replication_role = replica; " + change)
        try:
            self.told(words)
        finally:
            run("SET session_replication_role = replica; " + back)
        if is_clean_after:
            self.assertEqual(self.lane.oracle.check() + self.lane.oracle.left_over() + self.lane.oracle.chain_of_custody(), [])

    def test_rows_that_are_missing_doubled_or_of_nobody(self):
        self.central_change("CREATE TABLE kept AS SELECT * FROM staging.party WHERE payload ->> 'party_code' LIKE '%small_1-3'; "
                            "DELETE FROM staging.party r USING kept k WHERE r.job_file_id = k.job_file_id AND r.source_row = k.source_row",
                            "INSERT INTO staging.party SELECT * FROM kept; DROP TABLE kept", "its staged rows are not its rows")
        self.central_change("INSERT INTO staging.party SELECT tenant_id, job_id, job_file_id, source_row + 100, natural_key, payload "
                            "FROM staging.party WHERE payload ->> 'party_code' LIKE '%small_2-1'",
                            "DELETE FROM staging.party WHERE source_row > 200 OR source_row = 101 AND payload ->> 'party_code' LIKE '%small_2-1'",
                            "the registry tells 9 rows, staging has 10")
        self.central_change("INSERT INTO staging.party SELECT tenant_id, job_id, gen_random_uuid(), 7777, natural_key, payload "
                            "FROM staging.party WHERE payload ->> 'party_code' LIKE '%small_2-1'",
                            "DELETE FROM staging.party WHERE source_row = 7777", "never complete in the folder")

    def test_states_that_differ_at_the_ends(self):
        self.central_change("UPDATE ingest.job_file SET state = 'processed', archived_at = NULL WHERE relative_path = '0/small_2.csv' AND state = 'archived'",
                            "UPDATE ingest.job_file SET state = 'archived' WHERE relative_path = '0/small_2.csv' AND state = 'processed'",
                            "at central")

    def test_a_content_that_was_staged_twice(self):
        # Of two files with the same bytes the one that came first is staged, whichever that was.
        self.central_change("INSERT INTO staging.party SELECT r.tenant_id, r.job_id, d.job_file_id, r.source_row, r.natural_key, r.payload "
                            "FROM ingest.job_file d JOIN staging.party r ON r.job_file_id = d.duplicate_of",
                            "DELETE FROM staging.party r USING ingest.job_file f WHERE r.job_file_id = f.job_file_id AND f.state = 'duplicate'",
                            "its staged rows are not its rows, once each: 10 for 5")

    def test_bytes_that_will_not_come_and_are_still_awaited(self):
        ledger = sqlite3.connect(self.lane.ledger.path)
        ledger.execute("UPDATE job_file SET state = 'superseded' WHERE relative_path = '0/small_bad.csv'")
        ledger.commit()
        try:
            self.central_change("CREATE TABLE kept AS SELECT * FROM ingest.job_file WHERE relative_path = '0/small_bad.csv'; "
                                "UPDATE ingest.job_file SET state = 'awaiting_upload', error_code = NULL, error = NULL WHERE relative_path = '0/small_bad.csv'",
                                "UPDATE ingest.job_file f SET state = 'refused', error_code = k.error_code, error = k.error FROM kept k WHERE f.job_file_id = k.job_file_id; DROP TABLE kept",
                                "superseded at the edge, awaiting_upload", is_clean_after=False)
        finally:
            ledger.execute("UPDATE job_file SET state = 'refused' WHERE relative_path = '0/small_bad.csv'")
            ledger.commit()
            ledger.close()
        self.assertEqual(self.lane.oracle.check(), [])

    def test_what_is_left_over(self):
        self.central_change("CREATE TABLE kept AS SELECT * FROM ingest.job; UPDATE ingest.job SET state = 'open', closed_at = NULL, completed_at = NULL",
                            "UPDATE ingest.job j SET state = k.state, closed_at = k.closed_at, completed_at = k.completed_at FROM kept k WHERE j.job_id = k.job_id; DROP TABLE kept", "the job is still open")
        self.central_change("INSERT INTO storage.objects (bucket_id, name) SELECT bucket_id, 'lane-oracle/2026/nobody/1/file.csv' FROM storage.objects LIMIT 1",
                            "DELETE FROM storage.objects WHERE name LIKE '%/nobody/%'", "stored, and never registered")

    def test_a_move_that_is_missing_in_centrals_log(self):
        self.central_change("CREATE TABLE kept AS SELECT e.* FROM ingest.job_event e JOIN ingest.job_file f USING (job_file_id) "
                            "WHERE f.relative_path = '0/small_2.csv' AND e.to_state = 'verified'; "
                            "DELETE FROM ingest.job_event e USING kept k WHERE e.tenant_id = k.tenant_id AND e.seq = k.seq",
                            "INSERT INTO ingest.job_event SELECT * FROM kept; DROP TABLE kept", "leaves verified, the file was received")

    def test_objects_that_are_missing_or_altered(self):
        file = next(f for f in self.lane.oracle.registry() if f["relative_path"] == "0/small_2.csv")
        path = self.lane.oracle.object_file(file["version"])
        content = path.read_bytes()
        for wrong, words in ((content[:-1] + b"x", "are not those of its SHA-256"), (content[:-3], "are not those of its SHA-256")):
            path.write_bytes(wrong)
            self.told(words)
        path.unlink()
        self.told("has a row and no bytes")
        path.write_bytes(content)

    def test_a_ledger_that_was_edited(self):
        base = sqlite3.connect(self.lane.ledger.path)
        base.execute("UPDATE job_file SET state = 'refused' WHERE relative_path = '0/small_2.csv'")
        base.commit()
        self.told("its last event led to archived")
        base.execute("UPDATE job_file SET state = 'archived' WHERE relative_path = '0/small_2.csv'")
        trigger = base.execute("SELECT sql FROM sqlite_master WHERE name = 'an_event_is_never_changed'").fetchone()[0]
        base.execute("DROP TRIGGER an_event_is_never_changed")
        at, = base.execute("SELECT at_ms FROM event WHERE seq = 4").fetchone()
        for time_ms in (at + 1, at):
            base.execute("UPDATE event SET at_ms = ? WHERE seq = 4", (time_ms,))
            base.commit()
            if time_ms != at:
                self.told("chain is broken at event 4")
        base.execute(trigger)
        base.commit()
        base.close()
        self.assertEqual(self.lane.oracle.check(), [])

    def test_a_file_that_was_lost_on_the_way(self):
        self.lane.truth.exports.append(make("0/small_lost.csv", 3))
        self.told("in the folder, and not in the ledger")
        self.told("neither staged nor refused")
        self.lane.truth.exports.pop()
        self.assertEqual(self.lane.oracle.check(), [])


if __name__ == "__main__":
    unittest.main()
