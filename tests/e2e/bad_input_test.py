"""Bad input of every kind: refused with its code, nothing staged, halted or quarantined as the spec says."""

import gzip
import io
import json
import pathlib
import sqlite3
import tempfile
import unittest
import zipfile

from harness import LoopTest, quayside

COLUMNS = [{"name": "code", "to": "party_code", "required": True}, {"name": "name", "to": "name"}]
SPECS = {
    "zipped": {"file_name": "zipped_*.zip", "container": "zip", "container_entry": "*.csv"},
    "packed": {"file_name": "packed_*.csv.gz", "container": "gzip"},
    "dump": {"file_name": "dump_*.sql", "format": "sql_dump", "table": "party"},
    "copy": {"file_name": "base_*.sqlite", "format": "sqlite", "table": "party"},
    "chunk": {"file_name": "chunk_*.csv", "name_fields": "chunk_%Y%m%d_%i_of_%n.csv"},
    "mild": {"file_name": "mild_*.csv", "on_finding": {"row-ragged": "quarantine_row", "value-missing": "quarantine_row"}},
    "strict": {"file_name": "strict_*.csv"},
    "poison": {"file_name": "poison_*.csv", "on_refusal": "halt"},
}


def zip_of(entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


class BadInputTest(LoopTest):
    agencies = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.folder / "agencies" / "fault-line"
        folder.mkdir(parents=True)
        (folder / "_agency.json").write_text(json.dumps({
            "slug": "fault-line", "display_name": "Fault Line Foods", "time_zone": "Europe/Berlin",
            "delivery": {"deadline": "06:00", "day_starts": "12:00", "wait_s": 3, "older_files": "accept",
                         "files": [{"file_tag": tag, "required": False, "many": True} for tag in SPECS]}}))
        for tag, spec in SPECS.items():
            (folder / f"{tag}.json").write_text(json.dumps({
                "file_tag": tag, "entity": "party", "columns": COLUMNS, "on_refusal": "quarantine", **spec}))
        cls.loop.central("agency", "put", folder)
        cls.loop.database.run("SET ROLE service_role; SELECT ingest.put_setting('set_wait_s', '3', 'test')")
        cls.agent_ = cls.loop.agent("fault-line")
        cls.agent_.start()

    def refused(self, name, content, code):
        self.agent_.write(name, content)
        file = self.registered("fault-line", name, {"refused", "processed", "archived"})
        self.assertEqual((name, file["state"], file["error_code"]), (name, "refused", code))
        self.assertEqual(self.loop.database.value(
            f"SELECT count(*) AS n FROM staging.party WHERE job_file_id = '{file['job_file_id']}'"), 0)
        shown = self.local(self.agent_, name, {"refused"})
        self.assertEqual(shown["code"], code)
        return file

    def taken(self, name, content, rows):
        self.agent_.write(name, content)
        file = self.registered("fault-line", name, {"refused", "processed", "archived"})
        self.assertEqual((file["error_code"], file["rows_staged"]), (None, rows))

    def test_containers_that_leave_lie_explode_or_end_early(self):
        rows = b"code,name\n" + b"".join(b"%d,name %d\n" % (i, i) for i in range(5000))
        self.taken("zipped_good.zip", zip_of({"export.csv": rows, "readme.txt": b"hello"}), 5000)
        self.refused("zipped_up.zip", zip_of({"../export.csv": rows + b"u,u\n"}), "WB-3102")
        self.refused("zipped_none.zip", zip_of({"readme.txt": rows}), "WB-3104")
        self.refused("zipped_two.zip", zip_of({"a.csv": rows, "b.csv": rows}), "WB-3104")
        bomb = b"code,name\n" + (b"1," + b"a" * 19_997 + b"\n") * 8_000  # few rows: what counts is bytes
        packed = gzip.compress(bomb, 9)
        self.assertGreater(len(bomb) / len(packed), 900)
        self.refused("packed_bomb.csv.gz", packed, "WB-3103")
        self.refused("zipped_bomb.zip", zip_of({"export.csv": bomb}), "WB-3103")
        whole = gzip.compress(rows + b"t,t\n")
        self.refused("packed_cut.csv.gz", whole[:-5], "WB-3101")
        self.refused("packed_cut_early.csv.gz", whole[:len(whole) // 2], "WB-3101")
        self.taken("packed_good.csv.gz", whole, 5001)

    def test_rows_are_set_aside_where_the_spec_says_so_and_the_others_staged(self):
        content = b"code,name\nM1,MARKER-a\nM2\n,MARKER-c\nM4,MARKER-d\r\n"
        self.agent_.write("mild_1.csv", content)
        file = self.registered("fault-line", "mild_1.csv", {"refused", "processed", "archived"})
        self.assertEqual((file["error_code"], file["rows_staged"]), (None, 2))
        staged = self.loop.database.rows(
            f"SELECT source_row FROM staging.party WHERE job_file_id = '{file['job_file_id']}' ORDER BY 1")
        self.assertEqual([row["source_row"] for row in staged], [1, 4])
        report = self.loop.database.rows(f"""
            SELECT content FROM ingest.artifact WHERE kind = 'validation_report'
               AND job_file_id = '{file['job_file_id']}'""")[0]["content"]
        self.assertEqual((report["outcome"], report["rows"], report["rows_quarantined"]), ("accepted", 4, 2))
        edge = self.loop.database.rows(f"""
            SELECT content FROM ingest.artifact WHERE kind = 'preflight_report'
               AND job_file_id = '{file['job_file_id']}'""")[0]["content"]
        self.assertEqual((edge["outcome"], edge["groups"]), ("accepted", report["groups"]))
        trace = json.loads(self.agent_.run("trace", "mild_1.csv", "--json").stdout)["versions"][0]["preflight"]
        kept = self.agent_.folder / "state" / trace["quarantine_file"]
        self.assertEqual((kept.read_bytes(), kept.stat().st_mode & 0o777), (b"code,name\nM2\n,MARKER-c\n", 0o600))
        self.assertEqual([(group["rule"], group["count"]) for group in report["groups"]],
                         [("row-ragged", 1), ("value-missing", 1), ("line-ends-mixed", 1)])

        # At the partner's desk the same is found before anything is sent.
        path = self.folder / "mild_desk.csv"
        path.write_bytes(content)
        done = self.agent_.run("check", str(path), "--json", "--quarantine", str(self.folder / "aside.csv"))
        desk = json.loads(done.stdout)
        self.assertEqual(desk["groups"], report["groups"])
        self.assertEqual((self.folder / "aside.csv").read_bytes(), b"code,name\nM2\n,MARKER-c\n")
        self.assertNotIn("MARKER", done.stdout + done.stderr + json.dumps(report))

    def test_what_its_spec_refuses_never_leaves_the_agency(self):
        content = b"code,name\nM1,MARKER-a\nM2\nM3,MARKER-c\n"
        self.agent_.write("strict_1.csv", content)
        file = self.refused("strict_1.csv", content, "WB-3005")
        self.assertEqual(self.loop.database.value(
            f"SELECT count(*) AS n FROM storage.objects WHERE name LIKE '%{file['job_file_id']}%'"), 0)
        told = self.loop.database.rows(
            f"SELECT kind, content, created_by FROM ingest.artifact WHERE job_file_id = '{file['job_file_id']}'")
        self.assertEqual([artifact["kind"] for artifact in told], ["preflight_report"])
        self.assertTrue(told[0]["created_by"].startswith("agent:"))
        report = told[0]["content"]
        self.assertEqual((report["outcome"], report["rows"], report["error"]["row"]), ("refused", 3, 2))
        trace = self.agent_.run("trace", "strict_1.csv").stdout
        for words in ("preflight  refused: 3 rows", "WB-3005 row-ragged", "at row 2, line 3, byte 22", "what to do: "):
            self.assertIn(words, trace)
        self.assertNotIn("MARKER", trace + json.dumps(report))

        # Central may want it all the same; its own reader then says the same.
        self.loop.central("retry", file["job_file_id"], "--reason", "to see it ourselves")
        def reports():
            return self.loop.database.rows(f"""
                SELECT content FROM ingest.artifact WHERE kind = 'validation_report' AND job_file_id = '{file["job_file_id"]}'""")
        self.wait(reports, "the file was not read at central")
        self.assertEqual(reports()[0]["content"]["groups"], report["groups"])
        self.refused("strict_1.csv", content, "WB-3005")

    def test_dumps_cut_short_or_without_the_table(self):
        copy = b"COPY public.party (code, name) FROM stdin;\n" + b"".join(b"%d\tname %d\n" % (i, i) for i in range(2000))
        self.taken("dump_good.sql", copy + b"\\.\n\nSELECT 1;\n", 2000)
        self.refused("dump_cut.sql", copy, "WB-3107")
        self.refused("dump_cut_insert.sql", b"INSERT INTO party (code, name) VALUES ('1','a'),('2','b", "WB-3107")
        self.refused("dump_other.sql", b"INSERT INTO people (code) VALUES ('1');\n", "WB-3108")
        with tempfile.TemporaryDirectory() as scratch:
            path = pathlib.Path(scratch) / "base.sqlite"
            base = sqlite3.connect(path)
            base.execute("CREATE TABLE party (code TEXT, name TEXT)")
            base.executemany("INSERT INTO party VALUES (?, ?)", [(f"c{i}", f"name {i}") for i in range(3000)])
            base.commit()
            base.close()
            whole = path.read_bytes()
        self.taken("base_good.sqlite", whole, 3000)
        self.refused("base_cut.sqlite", whole[:len(whole) // 2], "WB-3109")

    def test_sets_that_miss_a_chunk_or_change_their_total(self):
        date = quayside.day(3)
        for i in (1, 3):
            self.agent_.write(f"chunk_{date}_{i}_of_3.csv", b"code,name\nm%d,m\n" % i)
        for i in (1, 3):
            file = self.registered("fault-line", f"chunk_{date}_{i}_of_3.csv", {"refused", "processed", "archived"})
            self.assertEqual((file["state"], file["error_code"]), ("refused", "WB-2111"))
        date = quayside.day(4)
        self.agent_.write(f"chunk_{date}_1_of_2.csv", b"code,name\nt1,t\n")
        self.agent_.write(f"chunk_{date}_2_of_3.csv", b"code,name\nt2,t\n")
        for name in (f"chunk_{date}_1_of_2.csv", f"chunk_{date}_2_of_3.csv"):
            file = self.registered("fault-line", name, {"refused", "processed", "archived"})
            self.assertEqual((file["state"], file["error_code"]), ("refused", "WB-2112"))
        self.assertEqual(self.loop.database.value("SELECT count(*) AS n FROM staging.party WHERE payload ->> 'party_code' ~ '^[mt][0-9]'"), 0)

    def test_only_a_spec_that_says_halt_halts(self):
        self.refused("packed_junk.csv.gz", b"no gzip at all", "WB-3101")
        self.assertEqual(self.loop.tenant_state("fault-line"), "active")

    def test_z_a_spec_that_says_halt_halts_and_resume_goes_on(self):
        self.refused("poison_1.csv", b"code,name\n,nobody\n", "WB-3006")
        self.assertEqual(self.loop.tenant_state("fault-line"), "halted")
        self.loop.central("resume", "fault-line", "--reason", "seen")
        self.taken("poison_2.csv", b"code,name\np,somebody\n", 1)


if __name__ == "__main__":
    unittest.main()
