"""A historical file of many rows: made, loaded through split, upload and staging, and compared row by row.

Shares no code with Waybill's reader: the source is made from row numbers here, and staging is read back through psql
and Python's csv and json modules.
"""

import csv
import io
import json
import subprocess

SPEC = {
    "file_tag": "recipe_line", "entity": "recipe_line", "file_name": "lines_*.csv",
    "columns": [{"name": "Recipe", "to": "recipe_code", "required": True},
                {"name": "Line", "to": "line_no", "type": "integer", "required": True},
                {"name": "Quantity", "to": "quantity", "type": "decimal"},
                {"name": "Unit", "to": "unit"}, {"name": "Note", "to": "note"}],
    "natural_key": ["recipe_code", "line_no"],
}
NOTES = ("", "plain", "a, comma", 'a "quoted" word', "two\nlines", "größer, ½ Maß", "\r\nstarts with a line end")


def row_of(number):
    """The fields of row `number`, from 1; every kind of awkward field comes again and again."""
    return (f"R-{number // 12:07}", str(number % 12 + 1), f"{number % 997}.{number % 89:02}", ("g", "ml", "pc")[number % 3],
            NOTES[number % len(NOTES)] + (f" {number}" if number % 5 == 0 else ""))


def make(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([column["name"] for column in SPEC["columns"]])
        for number in range(1, rows + 1):
            writer.writerow(row_of(number))


def write_agency(folder, slug, split_rows):
    folder.mkdir(parents=True)
    (folder / "_agency.json").write_text(json.dumps(
        {"slug": slug, "display_name": "Large files", "time_zone": "Europe/Berlin"}))
    (folder / "recipe_line.json").write_text(json.dumps({**SPEC, "split_rows": split_rows}))


def differences(database, rows, limit=5):
    """Compares every staged row with its source row; the first differences as sentences."""
    wrong = []
    query = """COPY (SELECT r.source_row, r.payload FROM staging.recipe_line r ORDER BY r.source_row) TO STDOUT (FORMAT csv)"""
    with subprocess.Popen(["psql", "-X", "-q", "-d", database.url, "-c", query], stdout=subprocess.PIPE) as psql:
        number = 0
        for source_row, payload in csv.reader(io.TextIOWrapper(psql.stdout, encoding="utf-8", newline="")):
            number += 1
            recipe, line, quantity, unit, note = row_of(number)
            expected = {"recipe_code": recipe, "line_no": int(line), "quantity": quantity, "unit": unit, "note": note or None}
            found = json.loads(payload, parse_float=str)
            if int(source_row) != number or found != expected:
                wrong.append(f"row {number}: staged as {source_row}: {found} instead of {expected}")
                if len(wrong) == limit:
                    psql.kill()
                    return wrong
    if number != rows:
        wrong.append(f"{number} rows are staged, {rows} were made")
    return wrong


def peak_mb(process):
    """The most memory a running process has used so far, in MB (10^6 bytes)."""
    with open(f"/proc/{process.child.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 / 1e6 for line in status if line.startswith("VmHWM"))
