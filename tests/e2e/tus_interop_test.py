"""Resumable uploads with parts that nobody here wrote: tus-js-client, and @tus/server."""

import json
import os
import pathlib
import re
import subprocess
import unittest

from harness import LoopTest

FOLDER = pathlib.Path(__file__).parent / "tus_interop"


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


if __name__ == "__main__":
    unittest.main()
