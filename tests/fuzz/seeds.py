"""Writes inputs to start fuzzing from, made of fixtures and agencies' specs: seeds.py FOLDER.

Each begins with the options that its target takes off the front (see the targets); FOLDER gets one
folder a target.
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BYTES_MAX = 1000  # small inputs are tried far more often
SPEC_BYTES_MAX = 3000  # a spec cut short is none

ROWS = (b'K1,Quark,1.50,7,yes,20.11.2026\r\n'
        b'K2,"said ""no"",\r\nQZ",-.5e3,+007,0,1.2.2026\n'
        b'"K3", \xc3\xa9\xe2\x82\xac ,1/2,99999999999999999999,maybe,30.02.2026\r'
        b',NULL,,,,\n')
VALUES = (b'K1,Quark,1.50,7,yes,20.11.2026,2026-11-21T18:40:00.125Z,"1.234,50",12 345,2026112118\r\n'
          b'K2,QZ,1,1,no,1.2.2026,2026-11-21T18:40:00+01:00,"-5.678.901,2E3",1\xc2\xa0234\xe2\x80\xaf567,2026112124\r\n'
          b'K3,QZ,1,1,no,1.2.2026,2026-11-21T18:40:60-0330,"0.500",1 23,20261121\r\n')
# Delimiter, quote, lenient, header, required, trim, columns, other columns, encoding, actions, checks,
# cut, limit.
CSV = {"given": [0, 0, 0, 0, 1, 1, 5, 0, 0, 1, 7, 0, 40], "own": [0, 0, 0, 1, 0, 0, 5, 2, 0, 2, 112, 7, 9],
       "none": [0, 0, 1, 2, 0, 1, 5, 1, 1, 1, 24, 200, 200], "lenient": [0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 3, 1]}
JSON_LINES = (b'{"code":"K1","n\xc3\xa4me\\"":"\\u00e9\\ud83c\\udf5e\\n","qty":1.50,"count":7,"on":true,"day":"2026-11-20"}\n'
              b'{"code": "QZ" ,"qty": "1e3", "other": [1, {"a": null, "QZ": "QZ"}], "on": "no"}\r\n'
              b'{"code":"V","price":"1.234,50","at":"2026-11-21 18"}\n{"code":"W","price":1.234,"at":"2026-11-21 24"}\n'
              b'{"code":null}\n\n{"on":false,"day":"2026-02-30"}\n{}\n[1]\n{"code":"a","code":"b"}')
NAMES = [b"\0processed_2026-11-20T23_59_59_123456_raw_recipe_line-part00012.csv",
         b"\0unprocessed_2024-02-29T00_00_00_000000_raw_a.json", b"\0/x/Liefer.CSV",
         b"\x01\x01\0\x06\x40\0\0\0\0\0\x01\0\x07recipe_line\0csv",
         b"\x02recipes_*[!a-c0-9].c?v\0RECIPES_20261120.csv",
         "\x02*[ä-ü]*[]-_]\0Käse_]".encode(), b"\x02[*]?\0*\xff",
         b"\x03\x05\x02recipes_%Y%m%d_%i_of_%n.csv\0recipes_20261120_2_of_10.csv",
         b"\x03\x1c\x00*%d.%m.%Y %H-%M-%S%%?\0x 29.02.2024 01-02-03%."]


def csv_seeds():
    for name, options in CSV.items():
        yield name, bytes(options) + ROWS
    yield "values", bytes(CSV["given"][:6] + [9] + CSV["given"][7:]) + VALUES
    yield "values_windows", bytes(CSV["none"][:6] + [9, 1, 2] + CSV["none"][9:]) + VALUES.replace(b"Quark", b"\x80 \x9f")
    yield "own_header", bytes(CSV["own"]) + b'\xef\xbb\xbfname;code,qty,"code",count,on,day,QZ\n' + ROWS
    for name, encoding in {"utf_16le": 3, "utf_16be": 4}.items():
        options = CSV["given"][:8] + [encoding] + CSV["given"][9:]
        yield name, bytes(options) + ROWS.decode().encode("latin-1", "replace") + b"K4,\xd8\x3c\xdf\x5e \xd8\x3cx"
    yield "semicolons", bytes([1, 1] + CSV["given"][2:]) + ROWS.replace(b",", b";").replace(b'"', b"'")
    for path in sorted((ROOT / "fixtures" / "exports").rglob("*.*")):
        if path.suffix in (".csv", ".txt"):
            yield path.stem, bytes(CSV["none"]) + path.read_bytes()


def fixed_width_seeds():
    places = [0, 3, 4, 15, 20, 6, 13, 7]  # each one less: the columns' starts and widths
    line = b"K001Quark, mager    001.5020261120 QZ"
    for name, options in {"plain": [0, 0, 0, 0], "header": [1, 0, 1, 1], "windows": [1, 1, 0, 1],
                          "latin": [0, 2, 0, 1]}.items():
        yield name, bytes(options + places + [options[0], 19, 5]) + b"\r\n".join([line, line[:20], line.replace(b"ar", b"\xc3\xa9"), b"\0"])


def transcoding_seeds():
    text = "é€𐍈 Käse – „quer“ \ud7ff\ue000\U0010ffff"
    yield "utf_8", b"\x01\x03" + text.encode()
    yield "broken", b"\x01\x00" + b"\xef\xbb\xbfa\xed\xa0\x80\xc0\xaf\xf4\x90\x80\x80\xe2\x82"
    yield "windows", b"\x00\x00" + bytes(range(256))
    yield "utf_16le", b"\x04\x05" + text.encode("utf-16-le", "surrogatepass") + b"\x00\xd8\x41\x00\x00"
    yield "utf_16be", b"\x03\x00" + "plain text first, ".encode("utf-16-be") + text.encode("utf-16-be", "surrogatepass") + b"\xdc\x00"
    yield "iso_8859_1", b"\x02\x09" + bytes(range(256))
    yield "windows_good", b"\x00\x05" + "Käse – „quer“ €".encode("cp1252")


def seeds():
    yield "csv", csv_seeds()
    yield "json_lines", [(f"lines_{i}", bytes([i, i % 2, i, i * 30, i * 60]) + JSON_LINES) for i in range(3)]
    yield "fixed_width", fixed_width_seeds()
    yield "transcoding", transcoding_seeds()
    yield "file_names", [(f"name_{i}", name) for i, name in enumerate(NAMES)]
    specs = sorted((ROOT / "config" / "agencies").glob("*/*.json"))
    yield "file_spec", [(f"{path.parent.name}_{path.stem}",
                         json.dumps(json.loads(path.read_text()), separators=(",", ":")).encode()) for path in specs]


def main():
    for target, inputs in seeds():
        folder = pathlib.Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in inputs:
            (folder / name).write_bytes(content[:SPEC_BYTES_MAX if target == "file_spec" else BYTES_MAX])


if __name__ == "__main__":
    main()
