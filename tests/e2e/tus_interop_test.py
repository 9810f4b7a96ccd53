"""Resumable uploads with parts that nobody here wrote: tus-js-client, and @tus/server."""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import unittest

from harness import LoopTest

FOLDER = pathlib.Path(__file__).parent / "tus_interop"
CHUNK = 6 * 1024 * 1024
HEADER = "Party No,Name,Kind,Street,Postcode,City,Country,E-Mail,Note\n"


def node_is_new_enough():
    try:
        told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    major, minor = (int(number) for number in re.match(r"v(\d+)\.(\d+)", told).groups())
    return (major, minor) >= (20, 19)


@unittest.skipUnless((FOLDER / "node_modules").exists(), "the npm packages are not installed: run ./dev test once")
@unittest.skipUnless(node_is_new_enough(), "@tus/server wants Node 20.19 or newer")
class TusInteropTest(LoopTest):
    with_worker = False

    def run_client(self, project_url):
        done = subprocess.run(["node", "--test"], cwd=FOLDER, text=True, capture_output=True, check=False, timeout=120,
                              env={**os.environ, "WAYBILL_TEST_PROJECT_URL": project_url,
                                   "WAYBILL_TEST_SECRET_KEY": self.loop.keys["secret_key"]})
        self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr[-2000:])
        self.assertRegex(done.stdout, r"pass [1-9]")

    def start_tus_server(self, drops=0):
        """@tus/server in front of the stand-in; its process and its address."""
        folder = self.folder / f"tus-{self.id().rsplit('.', 1)[1]}"
        process = self.loop.start_process("@tus/server", ["node", str(FOLDER / "server.mjs")], folder.with_suffix(".log"), {
            "WAYBILL_TEST_PROJECT_URL": self.loop.project_url, "WAYBILL_TEST_SECRET_KEY": self.loop.keys["secret_key"],
            "WAYBILL_TEST_JWT_SECRET": self.loop.keys["jwt_secret"], "WAYBILL_TEST_FOLDER": str(folder),
            "WAYBILL_TEST_DROPS": str(drops)})
        lines = self.wait(lambda: process.log.read_text(encoding="utf-8").splitlines(), "@tus/server to listen")
        return process, json.loads(lines[0])["url"]

    def test_tus_js_client_takes_the_stand_in_for_supabase(self):
        self.run_client(self.loop.project_url)
        log = self.loop.standin.log.read_text(encoding="utf-8")
        self.assertIn("/storage/v1/upload/resumable/sign", log)
        self.assertNotIn("eyJ", log)  # no token, whatever the path
        self.assertNotIn(self.loop.keys["secret_key"], log)

    def test_the_same_client_meets_the_same_answers_at_the_storage_apis_own_server(self):
        process, url = self.start_tus_server()
        self.run_client(url)
        self.assertIn('"PATCH","status":204', process.log.read_text(encoding="utf-8"))

    # Goal:   the agent is a client of the protocol, not of our stand-in.
    # Method: its uploads go to @tus/server, which cuts the line in the middle of a chunk; the rest of
    #         the loop is as ever, up to the rows in staging.
    def test_the_agents_upload_goes_on_where_the_storage_apis_own_server_is(self):
        told = len(self.loop.standin.log.read_text(encoding="utf-8"))
        process, url = self.start_tus_server(drops=1)
        rows = 24_000
        content = (HEADER + "".join(f"P{n:05},{'n' * 950},supplier,,,,DE,,\n" for n in range(rows))).encode()
        self.assertGreater(len(content), 20 << 20)
        agent = self.agent(project_url=url)
        self.loop.start_worker()
        agent.write("parties_20261121_large.csv", content)
        agent.start()
        file = self.registered("harbor-kitchen", "parties_20261121_large.csv", {"archived", "refused"})
        self.assertEqual((file["state"], file["rows_staged"]), ("archived", rows), file["error"])
        self.assertEqual(agent.process.stop(), 0)

        requests = [json.loads(line) for line in process.log.read_text(encoding="utf-8").splitlines()[1:]]
        self.assertEqual([r["status"] for r in requests if r["method"] == "POST"], [201])
        patches = [r for r in requests if r["method"] == "PATCH"]
        cut = next(number for number, patch in enumerate(patches) if patch["status"] == "cut")
        self.assertEqual([patch["status"] for patch in patches if patch is not patches[cut]], [204] * (len(patches) - 1))
        # It asked, and went on there: in the middle of the chunk, with no byte sent twice.
        between = requests[requests.index(patches[cut]) + 1:requests.index(patches[cut + 1])]
        self.assertIn({"method": "HEAD", "status": 200}, between)
        self.assertGreater(patches[cut + 1]["offset"], patches[cut]["offset"])
        self.assertLess(patches[cut + 1]["offset"], patches[cut]["offset"] + CHUNK)
        # The stand-in was sent no chunk, and what it was handed is the file.
        self.assertNotIn("PATCH", self.loop.standin.log.read_text(encoding="utf-8")[told:])
        stored = [path for path in (self.loop.folder / "objects").rglob("*") if path.is_file() and path.stat().st_size == len(content)]
        self.assertEqual([hashlib.sha256(path.read_bytes()).hexdigest() for path in stored],
                         [hashlib.sha256(content).hexdigest()])


if __name__ == "__main__":
    unittest.main()
