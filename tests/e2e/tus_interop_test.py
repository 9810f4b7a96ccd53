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

    def test_tus_js_client_takes_the_stand_in_for_supabase(self):
        done = subprocess.run(["node", "--test"], cwd=FOLDER, text=True, capture_output=True, check=False, timeout=120,
                              env={**os.environ, "WAYBILL_TEST_PROJECT_URL": self.loop.project_url,
                                   "WAYBILL_TEST_SECRET_KEY": self.loop.keys["secret_key"]})
        self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr[-2000:])
        self.assertRegex(done.stdout, r"pass [1-9]")
        log = self.loop.standin.log.read_text(encoding="utf-8")
        self.assertIn("/storage/v1/upload/resumable/sign", log)
        self.assertNotIn("eyJ", log)  # no token, whatever the path
        self.assertNotIn(self.loop.keys["secret_key"], log)


if __name__ == "__main__":
    unittest.main()
