"""What Quayside Bakery exports in one night, made from the kitchen's fixtures, and the days it is dated.

The bakery's night of a date is due at 06:00 of the next day, Berlin time. A date far enough back is therefore late
whenever the test runs, and today's is not.
"""

import csv
import datetime
import gzip
import io
import json
import zoneinfo

from loop import ROOT

AGENCY = "quayside-bakery"
GOOD = ROOT / "fixtures/exports/good"
BROKEN = ROOT / "fixtures/exports/broken"


def day(days_back=0):
    """The bakery's date so many days ago, as YYYYMMDD. A night that is not due yet has days_back 0."""
    now = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Berlin"))
    return (now.date() - datetime.timedelta(days=days_back)).strftime("%Y%m%d")


def iso(text):
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def components():
    return (GOOD / "components_20261120.csv").read_bytes()


def recipes():
    return (GOOD / "recipes_20261120.csv").read_bytes()


def recipe_lines():
    return (GOOD / "recipe_lines_20261120.csv").read_bytes()


def suppliers():
    return (GOOD / "parties_20261120.csv").read_bytes()


def conversions():
    """The kitchen's tab-separated conversions as JSON lines."""
    names = ("item_no", "from_unit", "to_unit", "factor", "note")
    text = (GOOD / "uom_conversions_20261120.txt").read_text(encoding="utf-8-sig")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t", quoting=csv.QUOTE_NONE)
    lines = []
    for row in rows:
        entry = {name: value for name, value in zip(names, row) if value != ""}
        lines.append(json.dumps(entry, ensure_ascii=False))
    return ("\n".join(lines) + "\n").encode()


def stock_chunks(count):
    """The kitchen's variants as `count` files, each with the header."""
    text = (GOOD / "variants_20261120.csv").read_text(encoding="utf-8-sig")
    header, *rows = list(csv.reader(io.StringIO(text, newline="")))
    chunks = []
    for i in range(count):
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows[len(rows) * i // count:len(rows) * (i + 1) // count])
        chunks.append(out.getvalue().encode())
    return chunks


def packed(content):
    return gzip.compress(content, mtime=0)
