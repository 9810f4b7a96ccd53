"""The exporter: files whose every row is known beforehand, and the truth about what must become of them.

Place:   tests/fault. The oracle (oracle.py) compares the whole system with a Truth; nothing here asks it.
Rows:    row n of the export named X carries the code "X-n", so a staged row alone tells where it must
         have come from.
"""

import dataclasses
import hashlib
import json
import os

COLUMNS = [{"name": "code", "to": "party_code", "required": True}, {"name": "name", "to": "name"}]
ROWS_PER_PART = 40
SPECS = {
    "small": {"file_name": "small_*.csv"},
    "large": {"file_name": "large_*.csv"},
    "cut": {"file_name": "cut_*.csv", "split_rows": ROWS_PER_PART},
}
HEADER = b"code,name\n"


def write_agency(folder, slug):
    """An agency folder for `waybill-central agency put`. One entity takes all tags."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "_agency.json").write_text(json.dumps(
        {"slug": slug, "display_name": f"Fault Line {slug}", "time_zone": "Europe/Berlin"}))
    for tag, spec in SPECS.items():
        (folder / f"{tag}.json").write_text(json.dumps({
            "file_tag": tag, "entity": "party", "columns": COLUMNS, "natural_key": ["party_code"],
            "on_refusal": "quarantine", **spec}))
    return folder


@dataclasses.dataclass
class Export:
    """A file as it was complete in the export folder at one time."""

    path: str           # below the export folder
    tag: str
    name: str           # what its codes begin with
    content: bytes
    rows: int
    is_good: bool = True   # false: central has to refuse it
    is_last: bool = True   # false: it was replaced or removed, so it may come through or not

    @property
    def sha256(self):
        return hashlib.sha256(self.content).hexdigest()

    def codes(self):
        return [(number, f"{self.name}-{number}") for number in range(1, self.rows + 1)]


def rows_of(name, rows, width=24, bad_row=0):
    """The bytes of a file: `width` pads the second column; `bad_row` lacks its required code."""
    lines = [HEADER]
    for number in range(1, rows + 1):
        code = "" if number == bad_row else f"{name}-{number}"
        lines.append(f"{code},{str(number % 10) * width}\n".encode())
    return b"".join(lines)


def make(path, rows, width=24, bad_row=0):
    """An export whose tag is told by its file's name. The name in its codes is its path, made plain."""
    tag = path.rsplit("/", 1)[-1].split("_")[0]
    name = path.replace("/", ".").removesuffix(".csv")
    return Export(path, tag, name, rows_of(name, rows, width, bad_row), rows, is_good=bad_row == 0)


def copy_of(export, path):
    """The same bytes under another name: central has to call it a duplicate of the first."""
    return dataclasses.replace(export, path=path)


class Truth:
    """Everything that one agency ever exported."""

    def __init__(self, folder):
        self.folder = folder
        self.exports = []

    def put(self, export, in_place=False):
        """Writes the file; an older content of its path is not the last any more."""
        for older in self.exports:
            if older.path == export.path:
                older.is_last = False
        self.exports.append(export)
        target = self.folder / export.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if in_place:
            target.write_bytes(export.content)
        else:
            aside = self.folder.parent / f"{os.getpid()}-{len(self.exports)}.tmp"
            aside.write_bytes(export.content)
            aside.rename(target)
        return export

    def remove(self, path):
        for older in self.exports:
            if older.path == path:
                older.is_last = False
        (self.folder / path).unlink()

    def below(self, prefix):
        return [export for export in self.exports if export.path.startswith(prefix)]

    def contents(self):
        """{(tag, sha256): one export of it}; the last one where there is one."""
        found = {}
        for export in self.exports:
            key = (export.tag, export.sha256)
            if key not in found or export.is_last:
                found[key] = export
        return found


def night(truth, folder, large_bytes=40_000):
    """The fixed night: small ones, one large, one in three parts, one to refuse, one duplicate."""
    first = truth.put(make(f"{folder}/small_1.csv", 5))
    truth.put(make(f"{folder}/small_2.csv", 9))
    truth.put(make(f"{folder}/small_bad.csv", 6, bad_row=4))
    truth.put(make(f"{folder}/cut_1.csv", 3 * ROWS_PER_PART - 7))
    width = 400
    truth.put(make(f"{folder}/large_1.csv", large_bytes // (width + 20), width))
    truth.put(copy_of(first, f"{folder}/small_3.csv"))
    return truth.below(folder + "/")
