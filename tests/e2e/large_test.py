"""A large file travels in parts, and every staged row is the source row that it says it is."""

import unittest

import large_file
from harness import LoopTest

ROWS = 60_000
ROWS_PER_PART = 7_000


class LargeTest(LoopTest):
    agencies = ()

    def test_a_large_file_is_cut_sent_and_staged_with_every_source_row_right(self):
        large_file.write_agency(self.folder / "agencies/large", "large", ROWS_PER_PART)
        self.loop.central("agency", "put", self.folder / "agencies/large")
        agent = self.agent("large")
        large_file.make(self.folder / "lines_1.csv", ROWS)
        (self.folder / "lines_1.csv").rename(agent.export / "lines_1.csv")
        agent.start()
        parts = -(-ROWS // ROWS_PER_PART)
        self.wait(lambda: [f["state"] for f in self.loop.files("large")] == ["archived"] * parts, f"{parts} parts archived")
        self.assertEqual(large_file.differences(self.loop.database, ROWS), [])
        self.local(agent, "lines_1.csv", {"archived"})


if __name__ == "__main__":
    unittest.main()
