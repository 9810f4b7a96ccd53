"""Enrolment over a bad line: whatever happens to the one call, the same code works when it is tried again."""

import os
import pathlib
import shutil
import tempfile
import unittest

from exports import write_agency
from fault_proxy import KINDS, Fault, FaultProxy
from lanes import ROOT, Central
from loop import Agent

PROGRAMS = pathlib.Path(os.environ.get("WAYBILL_PROGRAMS", ROOT / "build/dev/bin"))


class EnrolTest(unittest.TestCase):
    def test_whatever_happens_to_the_call_the_same_code_works_again(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="waybill-fault-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        central = Central(folder, PROGRAMS, os.environ.get("WAYBILL_TEST_POSTGRES"))
        self.addCleanup(central.close)
        central.start()
        loop = central.loop
        loop.central("agency", "put", write_agency(folder / "agencies/enrol", "enrol"))
        for kind in KINDS:
            if kind in ("stall", "expired_token", "tampered_token", "corrupt"):
                continue
            with self.subTest(kind):
                line = FaultProxy(loop.port, lambda step: Fault(kind) if step.number == 1 else None)
                self.addCleanup(line.close)
                agent = Agent(loop, f"enrol-{kind}", "enrol", project_url=line.url)
                code = loop.enrolment_code("enrol")
                first = agent.run("enroll", "--name", agent.name, check=False, text=code + "\n")
                self.assertEqual([step.fault for step in line.exchanges if step.fault], [kind])
                if first.returncode != 0:
                    self.assertNotIn(code, first.stderr)
                    second = agent.run("enroll", "--name", agent.name, check=False, text=code + "\n")
                    self.assertEqual(second.returncode, 0, f"{first.stderr}{second.stderr}")
                known = loop.database.value(f"SELECT count(*) AS n FROM ingest.agent WHERE agent_name = '{agent.name}'")
                self.assertEqual(known, 1)


if __name__ == "__main__":
    unittest.main()
