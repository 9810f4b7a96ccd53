"""A historical file of 2,000,000 rows through backfill, split, upload and staging: time, peak memory, every row compared.

Twice: cut by the agent, and sent whole by another client, so that central cuts it. Prints figures; fails when a row is
wrong or a process needs more than 150 MB.
"""

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import secrets
import shutil
import sys
import tempfile
import time
import urllib.request

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
    return max([measure(arguments, by_agent), measure(arguments, by_central)])


def measure(arguments, deliver):
    """One run on a central side of its own; 0 when all is right."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="waybill-large-"))
    try:
        with Loop(folder, arguments.programs, os.environ.get("WAYBILL_TEST_POSTGRES")) as loop:
            return run(loop, folder, arguments, deliver)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def by_agent(loop, file):
    """Has an agent load the file's folder as history; returns the agent."""
    agent = loop.agent("large").start()
    as_of = datetime.date.today() - datetime.timedelta(days=30)
    agent.run("backfill", str(file.parent), "--as-of", as_of.isoformat())
    return agent.process


def by_central(loop, file):
    """Sends the file whole, as a client does that knows nothing of parts."""
    token = secrets.token_urlsafe(32)
    headers = {"apikey": loop.keys["publishable_key"], "content-type": "application/json", "x-agent-token": token}

    def call(function, **arguments):
        request = urllib.request.Request(f"{loop.project_url}/rest/v1/rpc/{function}", json.dumps(arguments).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    content = file.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    call("ingest_enroll", code=loop.enrolment_code("large"), agent_name="whole",
         secret_hash=hashlib.sha256(token.encode()).hexdigest(), machine={})
    opened = call("ingest_open_job", job_key="whole-1", delivery={"date": datetime.date.today().isoformat(), "name": "nightly"},
                  files=[{"relative_path": file.name, "file_tag": "recipe_line", "content_sha256": sha256,
                          "size_bytes": len(content)}])["files"][0]
    put = urllib.request.Request(loop.project_url + opened["upload"]["url"], content, {"content-type": "text/csv"}, method="PUT")
    urllib.request.urlopen(put, timeout=600).close()
    call("ingest_confirm_uploads", files=[{"job_file_id": opened["job_file_id"], "size_bytes": len(content)}])
    call("ingest_close_job", job_key="whole-1", reason="all is sent")


def run(loop, folder, arguments, deliver):
    loop.start([], worker=False)
    worker = loop.start_worker()
    large_file.write_agency(folder / "agencies/large", "large", arguments.rows_per_part)
    loop.central("agency", "put", folder / "agencies/large")
    (folder / "history").mkdir()
    file = folder / "history/lines_history.csv"
    large_file.make(file, arguments.rows)
    size = file.stat().st_size
    parts = -(-arguments.rows // arguments.rows_per_part)
    started = time.monotonic()
    agent = deliver(loop, file)
    processes = [process for process in (agent, worker) if process]

    def staged():
        for process in processes:
            assert process.running(), f"{process.name} ended:\n{process.tail()}"
        states = [row["state"] for row in loop.files("large")]
        assert "refused" not in states, loop.files("large")
        return len(states) >= parts and all(state in ("processed", "archived") for state in states)

    wait_until(staged, 1800, "all parts processed", interval_s=0.5)
    seconds = time.monotonic() - started
    peaks = {process.name.split()[0]: large_file.peak_mb(process) for process in processes}
    wrong = large_file.differences(loop.database, arguments.rows)
    print(f"cut {deliver.__name__.replace('_', ' ')}: {arguments.rows} rows, {size / 1e6:.0f} MB, {parts} parts: {seconds:.1f} s "
          f"to staging, {arguments.rows / seconds:.0f} rows/s; peak memory "
          + ", ".join(f"{name} {mb:.0f} MB" for name, mb in peaks.items())
          + f"; {'every source row is right' if not wrong else 'WRONG'}", flush=True)
    for line in wrong:
        print("  " + line)
    return 1 if wrong or max(peaks.values()) > LIMIT_MB else 0


if __name__ == "__main__":
    sys.exit(main())
