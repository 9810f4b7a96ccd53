"""A bakery's nights: order by rank, parts, chunks, a late and a missing file, a poisoned one and the way out.

Goal:   what direct ingest promises holds with the real programs, not only where time is stepped by hand.
Method: nights are dated by file names; one far enough back is overdue from the start, today's is not.
"""

import http.server
import json
import threading
import unittest

from harness import LoopTest, quayside


AGENCY = quayside.AGENCY


class Webhook:
    """Takes alerts on loopback and refuses the first, so that a second try is needed."""

    def __init__(self):
        taken, self.taken = [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                outer.taken = taken[1:]
                self.send_response(503 if len(taken) == 1 else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"


class DeliveryTest(LoopTest):
    agencies = (AGENCY,)
    with_worker = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.webhook = Webhook()
        cls.addClassCleanup(cls.webhook.server.shutdown)
        url_file = cls.folder / "webhook.url"
        url_file.write_text(cls.webhook.url + "\n", encoding="utf-8")
        url_file.chmod(0o600)
        cls.loop.start_worker(alert_webhook_file=url_file)
        cls.agent_ = cls.loop.agent(AGENCY)
        cls.agent_.start()

    def staged(self, date):
        """Tags of the night's files in the order they were staged (parts once each)."""
        events = [e for e in self.loop.events(AGENCY, "staged") if e["delivery_date"] == quayside.iso(date)]
        return [(e["file_tag"], e["part_number"]) for e in events]

    def all_staged(self, date, count):
        return self.wait(lambda: len(self.staged(date)) >= count and self.staged(date), f"{count} files of {date} staged")

    def test_1_an_overdue_night_is_late_names_what_is_missing_and_takes_what_comes(self):
        date = quayside.day(3)
        self.agent_.write(f"components_{date}.csv", quayside.components())
        self.all_staged(date, 1)
        self.wait(lambda: self.loop.delivery_state(AGENCY, quayside.iso(date)) in ("late", "partial"), "the night is late")
        missing = self.wait(lambda: [e["details"]["file_tag"] for e in self.loop.events(AGENCY, "file_missing")
                                     if e["details"].get("delivery_date") == quayside.iso(date)], "missing files are told")
        self.assertEqual(sorted(missing), ["recipe", "recipe_line"])
        late = [e["file_tag"] for e in self.loop.events(AGENCY, "file_late")]
        self.assertEqual(late, ["component"])
        told = self.wait(lambda: json.dumps(self.agent_.status()) if "recipe_line" in json.dumps(self.agent_.status()) else None,
                         "the agency's own status names what is missing")
        self.assertIn("recipe", told)

    def test_2_dependent_tags_are_staged_by_rank_whatever_their_arrival_and_large_files_in_parts(self):
        date = quayside.day(0)
        self.agent_.write(f"recipe_lines_{date}.csv", quayside.recipe_lines())
        self.wait(lambda: self.loop.events(AGENCY, "waiting"), "recipe lines wait for recipes")
        self.assertEqual(self.staged(date), [])
        self.agent_.write(f"components_{date}.csv", quayside.components() + b"900001,Late flour,,Baking,kg,,,,,,N,,\r\n")
        self.agent_.write(f"recipes_{date}.csv", quayside.recipes())
        self.assertEqual(self.all_staged(date, 5), [
            ("component", 1), ("recipe", 1), ("recipe_line", 1), ("recipe_line", 2), ("recipe_line", 3)])
        rows = self.loop.database.rows(f"""
            SELECT l.source_row, l.relative_path, l.original_sha256, r.payload ->> 'recipe_code' AS recipe
              FROM staging.recipe_line r, staging.lineage(r.job_file_id, r.source_row) l ORDER BY l.source_row""")
        self.assertEqual([row["source_row"] for row in rows], list(range(1, len(rows) + 1)))
        self.assertEqual({row["relative_path"] for row in rows}, {f"recipe_lines_{date}.csv"})
        self.assertEqual(len({row["original_sha256"] for row in rows}), 1)
        self.wait(lambda: self.loop.delivery_state(AGENCY, quayside.iso(date)) in ("complete", "closed"), "the night is complete")

    def test_3_chunks_are_staged_only_when_the_last_of_them_is_there(self):
        date = quayside.day(0)
        chunks = quayside.stock_chunks(3)
        for i in (3, 1):
            self.agent_.write(f"stock_{date}_{i}_of_3.csv", chunks[i - 1])
        for i in (3, 1):
            self.registered(AGENCY, f"stock_{date}_{i}_of_3.csv", {"verified"})
        self.assertNotIn("stock", [tag for tag, _ in self.staged(date)])
        self.agent_.write(f"stock_{date}_2_of_3.csv", chunks[1])
        for i in (1, 2, 3):
            self.registered(AGENCY, f"stock_{date}_{i}_of_3.csv", {"processed", "archived"})

    def test_4_a_poisoned_file_halts_the_agency_and_a_person_with_a_reason_sets_it_going(self):
        date = quayside.day(0)
        whole = quayside.packed(quayside.suppliers())
        self.agent_.write(f"suppliers_{date}.csv.gz", whole[:len(whole) // 2])
        poisoned = self.registered(AGENCY, f"suppliers_{date}.csv.gz", {"refused"})
        self.assertEqual(poisoned["error_code"], "WB-3101")
        self.assertEqual(self.loop.tenant_state(AGENCY), "halted")
        self.agent_.write(f"conversions_{date}.jsonl", quayside.conversions())
        self.registered(AGENCY, f"conversions_{date}.jsonl", {"awaiting_upload", "received", "verified"})
        self.wait(lambda: any(a["kind"] == "tenant_halted" for a in self.webhook.taken), "the alert, at the second try")
        self.wait(lambda: "halted" in json.dumps(self.agent_.status()), "the agency's own status says so")
        self.assertNotIn("uom_conversion", [tag for tag, _ in self.staged(date)])
        no_id = self.loop.central("skip", "zz", "--reason", "x", check=False)
        self.assertIn("32 hex digits", no_id.stderr)
        no_reason = self.loop.central("skip", poisoned["job_file_id"], check=False)
        self.assertNotEqual(no_reason.returncode, 0)
        self.loop.central("skip", poisoned["job_file_id"], "--reason", "cut short by the disk at the bakery")
        self.registered(AGENCY, f"conversions_{date}.jsonl", {"processed", "archived"})
        decided = self.loop.events(AGENCY, "skipped")[-1]
        self.assertRegex(decided["actor"], "^operator:.+")
        self.assertIn("cut short by the disk", json.dumps(decided["details"]))
        self.agent_.write(f"suppliers_{date}.csv.gz", whole)
        good = self.registered(AGENCY, f"suppliers_{date}.csv.gz", {"processed", "archived"})
        self.assertGreater(good["rows_staged"], 40)


if __name__ == "__main__":
    unittest.main()
