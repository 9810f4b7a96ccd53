"""A historical file of 2,000,000 rows through backfill, split, upload and staging: time, peak memory, every row compared.

Prints figures; fails when a row is wrong or a process needs more than 150 MB.
"""

import argparse
import datetime
import os
import pathlib
import shutil
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests/e2e")]

import large_file  # noqa: E402  (the path is set above)
from loop import Loop, wait_until  # noqa: E402

LIMIT_MB = 150


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rows-per-part", type=int, default=100_000)
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="waybill-large-"))
    try:
        with Loop(folder, arguments.programs, os.environ.get("WAYBILL_TEST_POSTGRES")) as loop:
            return run(loop, folder, arguments)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(loop, folder, arguments):
    loop.start([], worker=False)
    worker = loop.start_worker()
    large_file.write_agency(folder / "agencies/large", "large", arguments.rows_per_part)
    loop.central("agency", "put", folder / "agencies/large")
    agent = loop.agent("large").start()
    history = folder / "history"
    history.mkdir()
    large_file.make(history / "lines_history.csv", arguments.rows)
    size = (history / "lines_history.csv").stat().st_size
    parts = -(-arguments.rows // arguments.rows_per_part)
    started = time.monotonic()
    as_of = datetime.date.today() - datetime.timedelta(days=30)
    agent.run("backfill", str(history), "--as-of", as_of.isoformat())

    def staged():
        for process in (agent.process, worker):
            assert process.running(), f"{process.name} ended:\n{process.tail()}"
        states = [f["state"] for f in loop.files("large")]
        assert "refused" not in states, loop.files("large")
        return len(states) == parts and all(s in ("processed", "archived") for s in states)

    wait_until(staged, 1800, "all parts processed", interval_s=0.5)
    seconds = time.monotonic() - started
    agent_mb, worker_mb = large_file.peak_mb(agent.process), large_file.peak_mb(worker)
    wrong = large_file.differences(loop.database, arguments.rows)
    print(f"{arguments.rows} rows, {size / 1e6:.0f} MB, {parts} parts: {seconds:.1f} s from folder to staging, "
          f"{arguments.rows / seconds:.0f} rows/s; peak memory agent {agent_mb:.0f} MB, worker {worker_mb:.0f} MB; "
          f"{'every source row is right' if not wrong else 'WRONG'}")
    for line in wrong:
        print("  " + line)
    return 1 if wrong or max(agent_mb, worker_mb) > LIMIT_MB else 0


if __name__ == "__main__":
    sys.exit(main())
