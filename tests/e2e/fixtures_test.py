"""The made-up agencies' exports through the whole loop: every row and every refusal as expected."""

import json
import unittest

import independent
from harness import ROOT, LoopTest


def expected_files():
    text = (ROOT / "fixtures/exports/expected.json").read_text(encoding="utf-8")
    return {entry["path"].split("/", 1)[1]: entry for entry in json.loads(text)["files"]}


class FixturesTest(LoopTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent = cls.loop.agent("harbor-kitchen")
        for name, entry in expected_files().items():
            cls.agent.put(ROOT / "fixtures/exports" / entry["path"], name)
        cls.agent.start()

    def test_every_good_file_is_staged_row_by_row_as_its_source_says(self):
        compared = 0
        for name, entry in expected_files().items():
            if entry["outcome"] != "processed":
                continue
            with self.subTest(name):
                file = self.registered("harbor-kitchen", name, {"archived"})
                self.assertEqual(file["entity"], entry["entity"])
                self.assertEqual(file["rows_staged"], entry["rows"])
                spec = independent.spec_of("harbor-kitchen", entry["file_tag"])
                content = (ROOT / "fixtures/exports" / entry["path"]).read_bytes()
                compared += independent.compare(
                    self, self.loop.database, file["job_file_id"], entry["entity"], spec, content)
        self.assertGreater(compared, 500)

    def test_every_broken_file_is_refused_at_both_ends_with_code_row_and_column(self):
        for name, entry in expected_files().items():
            if entry["outcome"] != "refused":
                continue
            with self.subTest(name):
                file = self.registered("harbor-kitchen", name, {"refused"})
                error = file["error"]
                self.assertEqual(file["error_code"], entry["code"])
                self.assertEqual(error.get("row") or 0, entry["row"])
                self.assertEqual(error.get("column") or "", entry["column"])
                shown = self.local(self.agent, name, {"refused"})
                self.assertEqual(shown["code"], entry["code"])
                self.assertEqual(shown.get("row") or 0, entry["row"])
                self.assertEqual(shown.get("column") or "", entry["column"])
                table = file["entity"]
                self.assertEqual(self.loop.database.value(
                    f"SELECT count(*) AS n FROM staging.{table} WHERE job_file_id = '{file['job_file_id']}'"), 0)

    def test_an_unknown_file_stays_and_is_visible_as_unknown(self):
        for name, entry in expected_files().items():
            if entry["outcome"] == "unknown":
                self.assertEqual(self.local(self.agent, name, {"unknown"})["code"], entry["code"])
                self.assertTrue((self.agent.export / name).exists())
                self.assertNotIn(name, [row["relative_path"] for row in self.loop.files()])

    def test_from_any_staged_row_one_query_gives_job_file_hash_and_row(self):
        self.registered("harbor-kitchen", "recipe_lines_20261120.csv", {"archived"})
        rows = self.loop.database.rows("""
            SELECT r.source_row, l.* FROM staging.recipe_line r, staging.lineage(r.job_file_id, r.source_row) l""")
        self.assertEqual(len(rows), expected_files()["recipe_lines_20261120.csv"]["rows"])
        for row in rows:
            self.assertEqual(row["relative_path"], "recipe_lines_20261120.csv")
            self.assertRegex(row["content_sha256"], "^[0-9a-f]{64}$")
            self.assertTrue(row["job_key"].startswith("harbor-kitchen-"))

    def test_a_report_is_kept_for_every_file_that_was_read_at_either_end(self):
        self.registered("harbor-kitchen", "components_20261120_no_code.csv", {"refused"})
        reports = self.loop.database.rows("""
            SELECT a.kind, a.content FROM ingest.artifact a JOIN ingest.job_file f USING (job_file_id)
             WHERE f.relative_path = 'components_20261120_no_code.csv'""")
        self.assertEqual([report["kind"] for report in reports], ["preflight_report"])
        self.assertEqual(reports[0]["content"]["groups"][0]["places"][0]["row"], 23)
        staged = """
            SELECT f.relative_path, array_agg(a.kind ORDER BY a.kind) AS kinds, max(f.rows_staged) AS staged,
                   max((a.content -> 'rows')::bigint) AS most, min((a.content -> 'rows')::bigint) AS least
              FROM ingest.job_file f LEFT JOIN ingest.artifact a USING (job_file_id)
             WHERE f.staged_at IS NOT NULL GROUP BY f.job_file_id"""
        self.wait(lambda: len(self.loop.database.rows(staged)) > 3, "files staged")
        for file in self.loop.database.rows(staged):
            self.assertEqual(file["kinds"], ["preflight_report", "validation_report"], file["relative_path"])
            self.assertEqual((file["least"], file["most"]), (file["staged"], file["staged"]), file["relative_path"])


if __name__ == "__main__":
    unittest.main()
