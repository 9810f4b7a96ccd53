"""History loaded beside the nights, and a partner's HTTP API read page by page, in the running loop."""

import http.server
import json
import pathlib
import threading
import unittest
import urllib.parse

from harness import ROOT, LoopTest

GOOD = ROOT / "fixtures/exports/good"


class Api:
    """A partner's API of numbered conversions; the cursor is how many the caller has."""

    def __init__(self, rows, page):
        self.rows, self.page, self.asked, self.tokens = rows, page, [], set()
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                start = int(query.get("after", ["0"])[0])
                api.asked.append(start)
                api.tokens.add(self.headers.get("Authorization"))
                items = api.rows[start:start + api.page]
                body = json.dumps({"items": items, "after": start + len(items)}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/conversions"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def conversion(number):
    return {"from_uom": f"u{number}", "to_uom": "g", "factor": f"{number}.50"}


SPEC = {
    "file_tag": "api_conversion", "entity": "uom_conversion", "file_name": "api_conversion_*.jsonl", "format": "jsonl",
    "columns": [{"name": "from_uom", "to": "from_uom", "required": True},
                {"name": "to_uom", "to": "to_uom", "required": True},
                {"name": "factor", "to": "factor", "required": True}],
    "natural_key": ["from_uom", "to_uom"], "on_refusal": "quarantine",
}


class HistoryTest(LoopTest):
    def test_a_folder_of_history_is_loaded_by_the_running_agent_oldest_date_first(self):
        agent = self.agent().start()
        dump = pathlib.Path(agent.folder) / "dump"
        (dump / "old").mkdir(parents=True)
        (dump / "old" / "recipes_old.csv").write_bytes((GOOD / "recipes_20261120.csv").read_bytes())
        (dump / "parties_old.csv").write_bytes((GOOD / "parties_20261120.csv").read_bytes())
        (dump / "notes.txt").write_text("no file spec takes it")
        agent.run("backfill", str(dump), "--as-of", "2024-06-30", "--behind", "--allow-older")
        names = {"waybill-backfill-1/old/recipes_old.csv", "waybill-backfill-1/parties_old.csv"}

        def done():
            rows = [r for r in self.loop.files("harbor-kitchen") if r["relative_path"] in names]
            return len(rows) == 2 and all(r["state"] == "archived" for r in rows)
        self.wait(done, "both files of the dump archived")
        self.wait(lambda: agent.status()["backfills"][0]["state"] == "done", "the backfill done")
        backfill = agent.status()["backfills"][0]
        self.assertEqual((backfill["delivered_count"], backfill["refused_count"], backfill["left_alone_count"]), (2, 0, 1))
        self.assertEqual(self.loop.database.value(
            "SELECT count(*) FROM ingest.job WHERE delivery_date = '2024-06-30' AND delivery_name = 'history'"), 1)
        self.assertTrue((dump / "parties_old.csv").exists())

    def test_a_folder_that_lies_in_the_export_folder_is_refused(self):
        agent = self.agent()
        (agent.export / "dump").mkdir()
        done = agent.run("backfill", str(agent.export / "dump"), "--as-of", "2024-06-30", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("WB-1002", done.stderr)

    def test_an_api_is_read_to_its_end_and_a_killed_agent_loses_and_doubles_nothing(self):
        specs = self.folder / "api-specs"
        specs.mkdir()
        for file in (ROOT / "config/agencies/harbor-kitchen").glob("*.json"):
            (specs / file.name).write_bytes(file.read_bytes())
        (specs / "api_conversion.json").write_text(json.dumps(SPEC))
        self.loop.central("agency", "put", str(specs))
        api = Api([conversion(number) for number in range(500)], page=10)
        self.addCleanup(api.close)
        agent = self.agent(fetch=[{
            "name": "conversions", "url": api.url, "every_minutes": 1, "file_tag": "api_conversion",
            "file_name": "api_conversion_%Y%m%dT%H%M%S.jsonl", "rows": "/items", "next": "/after",
            "cursor_parameter": "after", "incremental": True, "headers_file": "headers.json"}])
        secret = agent.folder / "headers.json"
        secret.write_text(json.dumps({"Authorization": "Bearer of-the-partner"}))
        secret.chmod(0o600)
        agent.start()
        self.wait(lambda: len(api.asked) > 15, "some pages fetched")
        agent.process.kill()
        agent.start()

        def staged():
            rows = [r for r in self.loop.files("harbor-kitchen") if r["file_tag"] == "api_conversion"]
            return rows if rows and all(r["state"] == "archived" for r in rows) else None
        rows = self.wait(staged, "the fetched file archived")
        self.assertEqual([row["rows_staged"] for row in rows], [500])
        self.assertEqual(self.loop.database.value(
            "SELECT count(DISTINCT payload ->> 'from_uom') FROM staging.uom_conversion u "
            f"WHERE u.job_file_id = '{rows[0]['job_file_id']}'"), 500)
        self.assertEqual(api.tokens, {"Bearer of-the-partner"})
        self.assertLessEqual(len(api.asked), 52 + 2)  # at most the page under way was asked for again
        self.assertNotIn("of-the-partner", agent.log.read_text())
        fetch = agent.status()["fetches"][0]
        self.assertEqual((fetch["last_row_count"], fetch["problem"]), (500, None))


if __name__ == "__main__":
    unittest.main()
