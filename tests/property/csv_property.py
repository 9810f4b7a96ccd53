"""Goal:   CsvReader, libcsv and Python's csv module agree on every file that keeps to a dialect.
Method: make random files of awkward fields, read them with all three, compare every field; check
        line and byte offset of every record against the places the generator wrote them to, and
        where fields end against libcsv; cut the input into pieces of several sizes, small files at
        every place. Every file of up to six bytes of an alphabet that means something is compared
        with libcsv, the broken ones too. csv-spectrum's files have their answer as JSON.

The seed is printed; WAYBILL_SEED sets another. WAYBILL_PROPERTY_SECONDS bounds the time.
"""

import csv
import io
import itertools
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time

SECONDS_DEFAULT = 10
FILES_A_BATCH = 200
CUTS = (1, 2, 3, 7, 63, 64, 65, 1 << 20)
EVERY_CUT = 0
SMALL_FILE_BYTES_MAX = 100  # cut at every place
TINY_FILE_BYTES_MAX = 6
NOTICES = ("control_character", "line_ends_mixed")  # said of what is read all the same
TINY_ALPHABET = (b"a", b",", b'"', b"\n", b"\r")
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


def run_cases(program, cases):
    """What the program made of each case."""
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


def cuts_of(data):
    return (*CUTS, EVERY_CUT) if len(data) <= SMALL_FILE_BYTES_MAX else CUTS


def check_files(programs, rng):
    """How many of the files were cut at every place."""
    files = [make_file(rng) for _ in range(FILES_A_BATCH)]
    cases = [ask(data, delimiter, quote, rng.choice(["strict", "lenient"]), cut)
             for data, delimiter, quote, _ in files for cut in cuts_of(data)]
    answers = iter(zip(cases, run_cases(programs[0], cases)))
    libcsv = run_cases(programs[1], [ask(data, delimiter, quote, "strict", 1) for data, delimiter, quote, _ in files])
    for (data, delimiter, quote, records), second in zip(files, libcsv):
        theirs = read_python(data, delimiter, quote)
        expected = [fields for _, _, fields in records]
        assert theirs == expected, ("the generator and Python disagree", data, theirs, expected)
        for case, answer in itertools.islice(answers, len(cuts_of(data))):
            ours = drop_notices(answer)
            check_answer(case, data, records, ours)
            check_notices(case, data, answer)
            assert not second["is_broken"], ("libcsv calls it broken", case, data)
            check_libcsv(case, data, ours, second["records"])
    return sum(len(data) <= SMALL_FILE_BYTES_MAX for data, _, _, _ in files)


def drop_notices(answer):
    return [record for record in answer if record.get("problem") not in NOTICES]


def expected_notices(data, records):
    """A control character is told once a record, another line end than the first once a file."""
    ends = [0]
    for offset, size in records:
        raw = data[offset:offset + size]
        if b"\x1f" in raw:
            at = offset + raw.index(b"\x1f")
            yield "control_character", at, line_of(data, at)
        ends += [offset, offset + size]
    ends.append(len(data))
    line_ends = [(begin + match.start(), match.group()) for begin, end in zip(ends[::2], ends[1::2])
                 for match in re.finditer(rb"\r\n|\r|\n", data[begin:end])]
    for at, line_end in line_ends:
        if line_end != line_ends[0][1]:
            yield "line_ends_mixed", at, line_of(data, at)
            return


def line_of(data, offset):
    """Of a byte that is no second half of a CR LF."""
    return 1 + count_line_ends(data[:offset].decode(errors="replace"))


def check_notices(case, data, answer):
    records = [(r["byte_offset"], len(r["bytes"]) // 2) for r in answer if "fields" in r]
    got = sorted((r["problem"], r["byte_offset"], r["line"]) for r in answer if r.get("problem") in NOTICES)
    expected = sorted(expected_notices(data, records))
    assert got == expected, ("other notices", case, data, got, expected)


def check_answer(case, data, records, ours):
    got = [(r.get("line"), r.get("byte_offset"), "fields" not in r or fields_of(r)) for r in ours]
    assert got == records, ("the readers disagree", case, data, got, records)
    assert [r["number"] for r in ours] == list(range(1, len(ours) + 1)), case
    for record in ours:
        raw = bytes.fromhex(record["bytes"])
        assert data[record["byte_offset"]:record["byte_offset"] + len(raw)] == raw, case


def check_libcsv(case, data, ours, theirs):
    """Fields, and where they and their records begin and end."""
    got = [{"byte_offset": r["byte_offset"], "end": r["byte_offset"] + len(r["bytes"]) // 2, "fields": r["fields"],
            "field_ends": [end + quoted for _, end, quoted in r["places"]]} for r in ours]
    assert got == theirs, ("CsvReader and libcsv disagree", case, data, got, theirs)
    for record in ours:
        at = record["byte_offset"]
        for begin, end, quoted in record["places"]:
            assert begin == at + quoted, ("a field begins behind the one before", case, data, record)
            at = end + quoted + 1


def check_tiny_files(programs):
    """Every file of so many bytes, in every cut: the same records as libcsv up to the first that is broken."""
    files = [b"".join(letters) for size in range(TINY_FILE_BYTES_MAX + 1)
             for letters in itertools.product(TINY_ALPHABET, repeat=size)]
    cases = [ask(data, ",", '"', "strict", EVERY_CUT) for data in files]
    broken = 0
    for case, data, ours, theirs in zip(cases, files, *(run_cases(program, cases) for program in programs)):
        ours = drop_notices(ours)
        good = list(itertools.takewhile(lambda record: "fields" in record, ours))
        assert not any("differs_at" in record for record in ours), ("cuts differ", case, data, ours)
        assert (len(good) < len(ours)) == theirs["is_broken"], ("broken for one of them", case, data, ours, theirs)
        check_libcsv(case, data, good, theirs["records"])
        broken += theirs["is_broken"]
    assert 0 < broken < len(files)
    print(f"all {len(files)} files of up to {TINY_FILE_BYTES_MAX} bytes agree with libcsv in every cut; {broken} are broken")


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
        for case, ours in zip(cases, run_cases(program, cases)):
            assert not any("problem" in record for record in ours), (name, ours)
            header, *rows = [fields_of(record) for record in ours]
            assert [dict(zip(header, row)) for row in rows] == wanted, (name, case)
    print(f"csv-spectrum: {len(names)} files agree, each in {len(CUTS)} cuts; "
          f"left out: {', '.join(SPECTRUM_UNFIT)}")


def main():
    programs = sys.argv[1:3]
    seed = int(os.environ.get("WAYBILL_SEED") or SEED_DEFAULT)
    seconds = float(os.environ.get("WAYBILL_PROPERTY_SECONDS") or SECONDS_DEFAULT)
    print(f"seed {seed} (another: WAYBILL_SEED=...)", flush=True)
    end = time.monotonic() + seconds
    check_spectrum(programs[0])
    check_tiny_files(programs)
    rng = random.Random(seed)
    files = small = 0
    while files == 0 or time.monotonic() < end:
        small += check_files(programs, rng)
        files += FILES_A_BATCH
    print(f"{files} random files agree, each in {len(CUTS)} cuts, {small} of them in every cut")


if __name__ == "__main__":
    main()
