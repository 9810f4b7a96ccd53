"""`./dev demo`: two agencies' nightly exports flow into staging, with a receipt for every file.

--once  ends by itself: exit 0 only when every good file is processed and every broken one refused
        or left unknown, each as fixtures/exports/expected.json says.
"""

import argparse
import json
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import time

from demo_nights import Nights
from loop import ROOT, Loop, LoopError

AGENCY = "harbor-kitchen"
ONCE_TIMEOUT_S = 120
KEY_SEPARATOR = "\x1f"  # between the parts of a natural key; invisible on a terminal
FINAL = {"processed", "archived", "refused", "duplicate"}
ENTITIES = ("component", "variant", "recipe", "recipe_line", "party", "uom_conversion")


def heading(text):
    print(f"\n\033[1m== {text}\033[0m", flush=True)


def table(rows, columns):
    """Rows (dictionaries) as an aligned text table."""
    cells = [[str("" if row.get(c) is None else row[c]) for c in columns] for row in rows]
    widths = [max(len(line[i]) for line in [list(columns), *cells]) for i in range(len(columns))]
    for line in [list(columns), *cells]:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
    sys.stdout.flush()


def expected_files():
    """What must become of each file: its path below the export folder -> its entry in expected.json."""
    text = (ROOT / "fixtures/exports/expected.json").read_text(encoding="utf-8")
    return {entry["path"].split("/", 1)[1]: entry for entry in json.loads(text)["files"]}


class Demo:
    def __init__(self, loop):
        self.loop = loop
        self.seen_seq = 0
        self.agent = None
        self.started = time.monotonic()

    def start(self):
        heading("PostgreSQL, migrations, stand-in for Supabase, worker")
        self.loop.start([AGENCY])
        print(f"  project: {self.loop.project_url}")
        heading(f"agent of {AGENCY}: enrol, and watch its export folder")
        self.agent = self.loop.agent(AGENCY)
        self.write_shortcuts()
        self.agent.start()
        print(f"  export folder: {self.agent.export}")
        heading("the nightly export is written into that folder")
        for name, entry in expected_files().items():
            self.agent.put(ROOT / "fixtures/exports" / entry["path"], name)
        print(f"  {len(expected_files())} files from fixtures/exports (good and broken)")

    def write_shortcuts(self):
        """Commands to look around, with the right settings filled in."""
        shortcuts = {
            "waybill": [self.loop.program("waybill"), "--config", self.agent.config],
            "psql": ["psql", "-X", "-d", self.loop.database.url],
        }
        for name, command in shortcuts.items():
            file = self.loop.folder / name
            line = " ".join(shlex.quote(str(part)) for part in command)
            file.write_text(f'#!/bin/sh\nexec {line} "$@"\n', encoding="utf-8")
            file.chmod(0o755)
        central = self.loop.folder / "waybill-central"
        central.write_text(f"""#!/bin/sh
WAYBILL_DATABASE_URL={shlex.quote(self.loop.database.url)} exec {shlex.quote(self.loop.program("waybill-central"))} "$@"
""", encoding="utf-8")
        central.chmod(0o755)

    def show_progress(self):
        """Prints what happened at central since the last look."""
        events = self.loop.database.rows(f"""
            SELECT e.seq, to_char(e.at AT TIME ZONE 'UTC', 'HH24:MI:SS.MS') AS at, f.relative_path AS file,
                   e.to_state, f.rows_staged, f.entity, f.error_code, f.error ->> 'message' AS message
              FROM ingest.job_event e LEFT JOIN ingest.job_file f USING (job_file_id)
             WHERE e.seq > {self.seen_seq} AND e.to_state IS NOT NULL AND f.job_file_id IS NOT NULL
             ORDER BY e.seq""")
        for event in events:
            self.seen_seq = event["seq"]
            text = event["to_state"]
            if text == "staged":
                text += f"  {event['rows_staged']} rows into {event['entity']}"
            if text == "refused":
                text += f"  {event['error_code']} {event['message'] or ''}"
            print(f"  {event['at']}  {event['file']:<34} {text}", flush=True)

    def check_alive(self):
        for process in self.loop.processes:
            if not process.running():
                raise LoopError(f"{process.name} ended by itself:\n{process.tail()}")

    def follow(self, done):
        """Shows progress until done() says so."""
        while not done():
            self.check_alive()
            self.show_progress()
            time.sleep(0.3)
        self.show_progress()

    def outcomes(self):
        """Per expected file what became of it, in the words of expected.json."""
        registry = {row["relative_path"]: row for row in self.loop.files(AGENCY)}
        found = {}
        for name in expected_files():
            file = registry.get(name)
            if file:
                outcome = "processed" if file["state"] in ("processed", "archived") else file["state"]
                error = file["error"] or {}
                found[name] = {"outcome": outcome, "rows": file["rows_staged"], "code": file["error_code"],
                               "row": error.get("row"), "column": error.get("column"),
                               "message": error.get("message"), "final": file["state"] in FINAL}
            else:
                state, problem = self.agent.local(name)
                found[name] = {"outcome": state, "code": (problem or {}).get("code"),
                               "message": (problem or {}).get("name"), "final": state == "unknown"}
        return found

    def problems(self):
        """What is not as expected.json says, as sentences; empty when all is right."""
        found, wrong = self.outcomes(), []
        for name, expected in expected_files().items():
            for key in ("outcome", "rows", "code", "row", "column"):
                value = found[name].get(key)
                if key in expected and (value or None) != (expected[key] or None):
                    wrong.append(f"{name}: {key} is {value!r}, expected {expected[key]!r}")
        return wrong

    def report(self):
        heading("rows in staging")
        table(self.loop.database.rows(" UNION ALL ".join(
            f"SELECT '{e}' AS entity, count(*) AS rows, count(DISTINCT job_file_id) AS files FROM staging.{e}"
            for e in ENTITIES)), ("entity", "rows", "files"))
        heading("files that were not taken, and why")
        table([{"file": name, **row} for name, row in self.outcomes().items() if row["outcome"] != "processed"],
              ("file", "outcome", "code", "row", "column", "message"))
        heading("one row's lineage: SELECT * FROM staging.lineage(job_file_id, source_row)")
        row = self.loop.database.rows("""
            SELECT l.* FROM (SELECT job_file_id, source_row FROM staging.recipe_line
                              ORDER BY source_row DESC LIMIT 1) r,
                   staging.lineage(r.job_file_id, r.source_row) l""")[0]
        for key, value in row.items():
            text = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)
            print(f"  {key:<18} {text.replace(KEY_SEPARATOR, ' + ')}")

    def commands(self):
        heading("look around, in a second terminal")
        folder = self.loop.folder.relative_to(ROOT) if self.loop.folder.is_relative_to(ROOT) else self.loop.folder
        good = next(name for name, entry in expected_files().items() if entry["outcome"] == "processed")
        print(f"""  {folder}/waybill status               did tonight's delivery arrive?
  {folder}/waybill trace {good:<18} one file's story
  {folder}/waybill-central tenants      which agencies go on, wait or are halted; deliveries, alerts
  {folder}/psql -c 'TABLE staging.provenance' where staged rows come from
  cp FILE {self.agent.export.relative_to(ROOT) if self.agent.export.is_relative_to(ROOT) else self.agent.export}/   send a file; logs: {folder}/*.log
  Ctrl-C here ends everything.""", flush=True)


def run(arguments):
    folder = arguments.folder.resolve()
    if (folder / "postgres" / "url").exists():
        subprocess.run([ROOT / "dev", "postgres", "stop", folder / "postgres"], check=False)
    subprocess.run([ROOT / "dev", "postgres", "remove", folder / "postgres"], check=True)
    shutil.rmtree(folder, ignore_errors=True)
    with Loop(folder, arguments.programs) as loop:
        demo = Demo(loop)
        demo.start()
        heading("what happens at central")
        deadline = time.monotonic() + ONCE_TIMEOUT_S
        demo.follow(lambda: all(f["final"] for f in demo.outcomes().values())
                    and not demo.problems() or time.monotonic() > deadline)
        heading("a bakery's nights: order, a late night, parts, a poisoned file")
        nights = Nights(loop, lambda text: print(f"  {text}", flush=True))
        nights.start()
        nights.run()
        demo.report()
        wrong = demo.problems() + nights.problems
        for line in wrong:
            print(f"\033[31mnot as expected: {line}\033[0m")
        seconds = time.monotonic() - demo.started
        good = sum(e["outcome"] == "processed" for e in expected_files().values())
        heading(f"{good} good files processed, {len(expected_files()) - good} broken ones refused, "
                f"the bakery's nights as planned, in {seconds:.1f} s" if not wrong else f"{len(wrong)} things are not as expected, after {seconds:.1f} s")
        if arguments.once:
            return 1 if wrong else 0
        demo.commands()
        demo.follow(lambda: False)
    return 0


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.splitlines()[0])
    parser.add_argument("--once", action="store_true", help="end by itself; exit 0 only when all is as expected")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/demo", help=argparse.SUPPRESS)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that leaving ends the processes
    try:
        return run(arguments)
    except KeyboardInterrupt:
        heading("ended")
        return 0
    except LoopError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
