"""An independent reader: what a file must look like in staging, by Python's csv module.

Shares no code with Waybill's reader. It knows the file spec's words from its documentation only, and reads good
files; what it yields is compared with staging row by row.
"""

import csv
import datetime
import decimal
import io
import json
import pathlib

from harness import ROOT

TRUE_WORDS = {"true", "t", "yes", "y", "1"}
FALSE_WORDS = {"false", "f", "no", "n", "0"}


def spec_of(agency, tag):
    return json.loads((ROOT / "config/agencies" / agency / f"{tag}.json").read_text(encoding="utf-8"))


def records(spec, content):
    """The file's records as lists of fields, blank lines left out."""
    text = content.decode({"utf-8": "utf-8-sig", "windows-1252": "cp1252"}[spec.get("encoding", "utf-8")])
    quote = spec.get("quote", '"')
    csv.field_size_limit(10_000_000)
    dialect = {"delimiter": spec.get("delimiter", ","), "doublequote": True}
    if quote is None:
        dialect |= {"quoting": csv.QUOTE_NONE, "quotechar": None}
    else:
        dialect |= {"quotechar": quote}
    return [record for record in csv.reader(io.StringIO(text, newline=""), **dialect) if record]


def value_of(column, text):
    """One field as the payload holds it; None is null."""
    if column.get("trim", False):
        text = text.strip(" \t\r\n\f\v")
    if text == "" or text in column.get("null_values", []):
        return None
    kind = column.get("type", "text")
    if kind in ("integer", "decimal"):
        return decimal.Decimal(text)
    if kind == "boolean":
        true = {word.lower() for word in column.get("true_values", TRUE_WORDS)}
        return text.lower() in true
    if kind == "date":
        return datetime.datetime.strptime(text, column.get("date_format", "%Y-%m-%d")).date().isoformat()
    return text


def staged(spec, content):
    """[(source_row, natural_key or None, payload)] as staging must hold the file."""
    rows = records(spec, content)
    columns = spec["columns"]
    if spec.get("header", True):
        header = [name.strip() for name in rows.pop(0)]
        place = {column["name"]: header.index(column["name"].strip()) for column in columns
                 if column["name"].strip() in header}
    else:
        place = {column["name"]: at for at, column in enumerate(columns)}
        header = []
    known = {column["name"].strip() for column in columns}
    result = []
    for number, record in enumerate(rows, start=1):
        payload = {column["to"]: value_of(column, record[place[column["name"]]])
                   for column in columns if column["name"] in place}
        if spec.get("other_columns") == "keep":
            payload |= {name: text or None for name, text in zip(header, record) if name not in known}
        key = None
        if spec.get("natural_key"):
            key = "\x1f".join(key_text(payload.get(part)) for part in spec["natural_key"])
        result.append((number, key, payload))
    return result


def key_text(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def compare(test, database, job_file_id, entity, spec, content):
    """Every staged row of the file against its source record; returns how many."""
    text = database.run(f"""
        SELECT json_build_array(source_row, natural_key, payload) FROM staging.{entity}
         WHERE job_file_id = '{job_file_id}' ORDER BY source_row""")
    found = [json.loads(line, parse_float=decimal.Decimal, parse_int=decimal.Decimal)
             for line in text.splitlines()]
    expected = staged(spec, content)
    test.assertEqual(len(found), len(expected), f"{entity}: number of rows")
    for (number, key, payload), row in zip(expected, found):
        test.assertEqual(row[0], number)
        test.assertEqual(row[2], payload, f"{entity} row {number}")
        test.assertEqual(row[1], key, f"{entity} row {number}: natural key")
    return len(found)
