"""Goal:   every defect of fixtures/broken is told by its own code, at its own place, and no output
        shows a value of the file.
Method: read each file by its spec, in blocks of several sizes, and by `waybill check`; compare the
        first finding (the first that refuses, where the file is refused) with expected.json. Each value of the files holds MARKER, so it is looked for
        in all that was printed, the page for people too. What expected.json says of places is first
        compared with the bytes themselves.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "fixtures" / "broken"
MARKER = "QZX7"
BLOCKS = (0, 1, 2, 3, 7, 64, 100)
PLACE = ("code", "row", "line", "column", "column_number", "byte_offset")
REFUSED = 3  # what `waybill check` ends with
RECORD_BYTES_MAX = 2 * 1024 * 1024
UNCLOSED = b'code,name\nA1,QZX7MARKER01\nA2,"QZX7MARKER02 '


def line_of(data, offset):
    """The line of a byte: an encoding of two bytes a character has its line ends in two bytes."""
    before = data[:offset].replace(b"\0", b"")
    return 1 + before.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n")


def check_place(case, data):
    """The place is what a person would point at, whatever Waybill says."""
    if "code" not in case or case["line"] == 0:
        return
    at = case["at"].encode("latin-1")
    assert data[case["byte_offset"]:].startswith(at), ("the place is another", case)
    assert line_of(data, case["byte_offset"]) == case["line"], ("the line is another", case)


def check_report(case, report, shown):
    assert MARKER not in shown, ("a value is shown", case, shown)
    assert report["outcome"] == case["outcome"], (case, report)
    # Warnings may stand beside what refuses the file; the case is about the latter.
    told = [finding for finding in report["findings"]
            if case["outcome"] == "accepted" or finding["action"] == "refuse_file"]
    first = told[0] if told else {}
    got = {key: first.get(key, {"column": "", "column_number": 0}.get(key)) for key in PLACE}
    expected = {key: case.get(key, {"column": "", "column_number": 0}.get(key)) for key in PLACE}
    if "code" not in case:
        assert report["findings_count"] == 0, (case, report)
    else:
        assert got == expected, ("another finding", case, got)
        assert first["message"], case


def long_record(folder):
    """A quote that is never closed in a file longer than any record; too large to keep."""
    path = folder / "record_too_long.csv"
    path.write_bytes(UNCLOSED + b"x" * (RECORD_BYTES_MAX + 10) + b"\n" + b'A3,"QZX7MARKER03"\n' * 3)
    case = {"path": path, "spec": "two_columns", "outcome": "refused", "code": "WB-3007", "row": 2, "line": 3,
            "byte_offset": UNCLOSED.index(b"A2"), "at": "A2,"}
    return case, (0, 4096, 100_001)


def check_all_are_there(cases):
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*")
             if path.is_file() and path.suffix in (".csv", ".txt", ".jsonl")}
    listed = {case["path"] for case in cases}
    assert files == listed, ("files and expected.json differ", files ^ listed)
    for case in cases:
        data = (FOLDER / case["path"]).read_bytes()
        is_marked = MARKER.encode() in data.replace(b"\0", b"")
        assert is_marked or not re.search(rb"[A-Z]\d", data), ("no marker in it", case)


def read_all(program, asked):
    run = subprocess.run([program], input="".join(json.dumps(case) + "\n" for case in asked), capture_output=True,
                         check=True, text=True)
    assert not run.stderr, run.stderr
    return run.stdout.splitlines()


def check_at_the_desk(waybill, case):
    """`waybill check`, as a program and as a person see it."""
    command = [waybill, "check", str(FOLDER / case["path"]), "--spec", str(FOLDER / "specs" / f"{case['spec']}.json")]
    runs = [subprocess.run([*command, *options], capture_output=True, check=False, text=True)
            for options in ([], ["--json"])]
    for run in runs:
        assert MARKER not in run.stdout + run.stderr, ("a value is shown", case, run)
        assert run.returncode == (0 if case["outcome"] == "accepted" else REFUSED), (case, run)
    assert case.get("code", "is good") in runs[0].stdout, (case, runs[0])
    check_report(case, json.loads(runs[1].stdout), runs[1].stdout)


def main():
    program, waybill = sys.argv[1:3]
    cases = json.loads((FOLDER / "expected.json").read_text())["files"]
    check_all_are_there(cases)
    with tempfile.TemporaryDirectory() as scratch:
        wanted = [(case, BLOCKS) for case in cases] + [long_record(pathlib.Path(scratch))]
        for case, _ in wanted:
            check_place(case, (FOLDER / case["path"]).read_bytes())
        asked = [(case, {"spec": str(FOLDER / "specs" / f"{case['spec']}.json"), "file": str(FOLDER / case["path"]),
                         "block_bytes": block}) for case, blocks in wanted for block in blocks]
        lines = read_all(program, [question for _, question in asked])
        assert len(lines) == len(asked)
        for (case, _), line in zip(asked, lines):
            check_report(case, json.loads(line), line)
        for case, _ in wanted:
            check_at_the_desk(waybill, case)
    codes = {case["code"] for case, _ in wanted if "code" in case}
    print(f"{len(wanted)} broken files, {len(codes)} codes: each finding at its place, no value shown")


if __name__ == "__main__":
    main()
