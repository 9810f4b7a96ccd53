"""@supabase/supabase-js, a client that nobody here wrote, calls the RPCs and uploads to signed URLs."""

import os
import pathlib
import subprocess
import unittest

from harness import LoopTest

FOLDER = pathlib.Path(__file__).parent / "supabase_js"


@unittest.skipUnless((FOLDER / "node_modules").exists(), "supabase-js is not installed: run ./dev test once")
class SupabaseJsTest(LoopTest):
    with_worker = False

    def test_supabase_js_takes_the_stand_in_for_supabase(self):
        done = subprocess.run(["node", "--test"], cwd=FOLDER, text=True, capture_output=True, check=False, timeout=120,
                              env={**os.environ, "WAYBILL_TEST_PROJECT_URL": self.loop.project_url,
                                   "WAYBILL_TEST_PUBLISHABLE_KEY": self.loop.keys["publishable_key"],
                                   "WAYBILL_TEST_ENROLMENT_CODE": self.loop.enrolment_code("harbor-kitchen")})
        self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr[-2000:])
        self.assertRegex(done.stdout, r"pass [1-9]")


if __name__ == "__main__":
    unittest.main()
