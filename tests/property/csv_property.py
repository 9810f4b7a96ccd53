"""Goal:   CsvReader and Python's csv module agree on every file that keeps to a dialect.
Method: make random files of awkward fields, read them with both, compare every field; check line
        and byte offset of every record against the places the generator wrote them to; cut the
        input into pieces of several sizes. csv-spectrum's files have their answer as JSON.

The seed is printed; WAYBILL_SEED sets another. WAYBILL_PROPERTY_SECONDS bounds the time.
"""

import csv
import io
import itertools
import json
import os
import pathlib
import random
import subprocess
import sys
import time

SECONDS_DEFAULT = 10
FILES_A_BATCH = 200
CUTS = (1, 2, 3, 7, 63, 64, 65, 1 << 20)
SEED_DEFAULT = 20261120
# Its answer holds a phone number that its CSV does not, and its CSV has bare quotes.
SPECTRUM_UNFIT = ("location_coordinates",)

PIECES = [
    "", "a", "plain text", "0", "-1.50", " ", "  two  ", "\t", "'", "é", "日本語", "🍞", "\u00a0",
    "\ufeff", "x" * 61, "y" * 130, "end\\", "50 %", "{}", "\x1f", "\u2028", "#", ";", "|", "~", "^",
]
LINE_ENDS = ["\n", "\r\n", "\r"]


def make_field(rng, delimiter, quote):
    """A field's content and its form in the file."""
    pieces = [rng.choice(PIECES) for _ in range(rng.randrange(4))]
    if quote:
        pieces += [rng.choice([quote, quote * 2, delimiter, "\n", "\r\n", "\r"])
                   for _ in range(rng.choice([0, 0, 0, 1, 3]))]
    rng.shuffle(pieces)
    content = "".join(pieces)
    needs_quotes = any(c in content for c in (delimiter, "\r", "\n")) or (quote and quote in content)
    if not quote:
        content = content.replace(delimiter, "_").replace("\r", "").replace("\n", "")
        return content, content
    if needs_quotes or rng.random() < 0.2:
        return content, quote + content.replace(quote, quote * 2) + quote
    return content, content


def make_file(rng):
    """The bytes of a file, its dialect, and its records as (line, byte_offset, fields)."""
    delimiter = rng.choice([",", ";", "\t", "|", "^", " ", ":"])
    quote = rng.choice(['"', '"', '"', "'", "~", "none"])
    quote = None if quote == "none" else quote
    text, line, records = "", 1, []
    count = rng.randrange(12)
    for number in range(count):
        fields = [make_field(rng, delimiter, quote) for _ in range(rng.randrange(1, 7))]
        written = delimiter.join(form for _, form in fields)
        if written:
            records.append((line, len(text.encode()), [content for content, _ in fields]))
        end = rng.choice(LINE_ENDS)
        if number + 1 == count and rng.random() < 0.5:
            end = ""
        text += written + end
        while rng.random() < 0.1 and end:
            text += end
        line = 1 + count_line_ends(text)
    return text.encode(), delimiter, quote, records


def count_line_ends(text):
    return text.replace("\r\n", "\n").replace("\r", "\n").count("\n")


def ask(data, delimiter, quote, rule, cut):
    return {"delimiter": delimiter, "quote": quote, "rule": rule, "cut_bytes": cut,
            "bytes": data.hex()}


def read_ours(program, cases):
    """What CsvReader made of each case."""
    asked = "".join(json.dumps(case) + "\n" for case in cases)
    run = subprocess.run([program], input=asked, capture_output=True, check=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def read_python(data, delimiter, quote):
    options = {"delimiter": delimiter, "strict": True}
    if quote:
        options["quotechar"] = quote
    else:
        options["quoting"] = csv.QUOTE_NONE
    rows = csv.reader(io.StringIO(data.decode(), newline=""), **options)
    return [row for row in rows if row]


def fields_of(record):
    return [bytes.fromhex(field).decode() for field in record["fields"]]


def check_files(program, rng):
    files = [make_file(rng) for _ in range(FILES_A_BATCH)]
    cases = [ask(data, delimiter, quote, rng.choice(["strict", "lenient"]), cut)
             for data, delimiter, quote, _ in files for cut in CUTS]
    answers = iter(zip(cases, read_ours(program, cases)))
    for data, delimiter, quote, records in files:
        theirs = read_python(data, delimiter, quote)
        expected = [fields for _, _, fields in records]
        assert theirs == expected, ("the generator and Python disagree", data, theirs, expected)
        for case, ours in itertools.islice(answers, len(CUTS)):
            check_answer(case, data, records, ours)


def check_answer(case, data, records, ours):
    got = [(r["line"], r["byte_offset"], "problem" in r or fields_of(r)) for r in ours]
    assert got == records, ("the readers disagree", case, data, got, records)
    assert [r["number"] for r in ours] == list(range(1, len(ours) + 1)), case
    for record in ours:
        raw = bytes.fromhex(record["bytes"])
        assert data[record["byte_offset"]:record["byte_offset"] + len(raw)] == raw, case


def check_spectrum(program):
    root = os.environ.get("WAYBILL_REAL_DATA", "")
    folder = pathlib.Path(root) / "csv-hard" / "csv-spectrum"
    if not root or not folder.is_dir():
        print("csv-spectrum: absent (WAYBILL_REAL_DATA is not set or lacks it); not compared")
        return
    names = sorted(path.stem for path in (folder / "csvs").glob("*.csv"))
    names = [name for name in names if name not in SPECTRUM_UNFIT]
    for name in names:
        data = (folder / "csvs" / f"{name}.csv").read_bytes()
        if name.endswith("_crlf"):  # a checkout may have turned their line ends into LF
            data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        wanted = json.loads((folder / "json" / f"{name}.json").read_text())
        cases = [ask(data, ",", '"', "strict", cut) for cut in CUTS]
        for case, ours in zip(cases, read_ours(program, cases)):
            assert not any("problem" in record for record in ours), (name, ours)
            header, *rows = [fields_of(record) for record in ours]
            assert [dict(zip(header, row)) for row in rows] == wanted, (name, case)
    print(f"csv-spectrum: {len(names)} files agree, each in {len(CUTS)} cuts; "
          f"left out: {', '.join(SPECTRUM_UNFIT)}")


def main():
    program = sys.argv[1]
    seed = int(os.environ.get("WAYBILL_SEED") or SEED_DEFAULT)
    seconds = float(os.environ.get("WAYBILL_PROPERTY_SECONDS") or SECONDS_DEFAULT)
    print(f"seed {seed} (another: WAYBILL_SEED=...)", flush=True)
    check_spectrum(program)
    rng = random.Random(seed)
    end = time.monotonic() + seconds
    files = 0
    while time.monotonic() < end:
        check_files(program, rng)
        files += FILES_A_BATCH
    print(f"{files} random files agree, each in {len(CUTS)} cuts")


if __name__ == "__main__":
    main()
