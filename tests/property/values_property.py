"""Goal:   a timestamp and a number mean to Waybill what they mean to Python.
Method: random moments and numbers, written in many formats as agencies write them, some of them
        damaged by a character. What is good is read by Python's datetime and Decimal from the parts
        it was made of; what is damaged is judged by strptime, or by a regular expression and Decimal.
        Digits must come out as they were written.

The seed is printed; WAYBILL_SEED sets another. WAYBILL_PROPERTY_SECONDS bounds the time.
"""

import datetime
import decimal
import json
import os
import random
import re
import subprocess
import sys
import time

SECONDS_DEFAULT = 5
SEED_DEFAULT = 20261121
TEXTS_A_CASE = 50
ZONES = ("UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata")
FORMATS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%Y%m%d%H%M%S",
           "%Y-%m-%dT%H:%M:%S,%f", "am %d.%m.%Y um %H Uhr", "%H:%M:%S %d/%m/%Y", "%Y%m%dT%H%M%S%f")
DAMAGE = "0123456789:.,-+TZ zä%"
MARKS = ((".", ""), (",", ""), (",", "."), (".", ","), (".", "'"), (",", " "))


def offset_text(rng):
    """An offset as it may be written, and as Python's datetime knows it."""
    if rng.random() < 0.2:
        return "Z", datetime.timezone.utc
    minutes = rng.randrange(-959, 960)
    if rng.random() < 0.3:
        minutes = minutes // 60 * 60
        minutes = max(-900, minutes)
    hours, rest = divmod(abs(minutes), 60)
    forms = [f"{hours:02}{rest:02}", f"{hours:02}:{rest:02}"] + ([f"{hours:02}"] if rest == 0 else [])
    return ("-" if minutes < 0 else "+") + rng.choice(forms), datetime.timezone(datetime.timedelta(minutes=minutes))


class MomentFormat:
    """One date_format of a column, as a regular expression and as a way to write it."""

    def __init__(self, form, zone):
        self.form, self.zone = form, zone
        parts = re.split(r"(%.)", form)
        pattern = ""
        for i, part in enumerate(parts):
            # Directives are the parts in between; an empty part is where two of them touch.
            touches = (i > 1 and not parts[i - 1]) or (i + 2 < len(parts) and not parts[i + 1])
            digits = "{2}" if touches else "{1,2}"
            pattern += {"%Y": r"(?P<Y>[0-9]{4})", "%f": r"(?P<f>[0-9]{1,9})",
                        "%z": r"(?P<z>Z|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)"}.get(
                            part, f"(?P<{part[1:]}>[0-9]{digits})" if part.startswith("%") else re.escape(part))
        pattern = re.sub(r"(\\\.|,)(\(\?P<f>\[0-9\]\{1,9\}\))", r"(?:\1\2)?", pattern)
        self.pattern = re.compile(pattern)

    def column(self):
        column = {"name": "At", "to": "at", "type": "timestamp", "date_format": self.form}
        return column if "%z" in self.form else {**column, "time_zone": self.zone}

    def write(self, rng):
        year = rng.choice([rng.randrange(1, 10000), rng.randrange(1970, 2050)])
        fraction = "".join(rng.choice("0123456789") for _ in range(rng.randrange(1, 10)))
        parts = {"%Y": f"{year:04}", "%m": f"{rng.randrange(1, 13):02}", "%d": f"{rng.randrange(1, 32):02}",
                 "%H": f"{rng.randrange(24):02}", "%M": f"{rng.randrange(60):02}", "%S": f"{rng.randrange(60):02}",
                 "%f": fraction, "%z": offset_text(rng)[0]}
        return re.sub("%.", lambda match: parts[match.group()], self.form)

    def expected(self, text):
        """What Waybill must say: the JSON it writes, or None for invalid."""
        match = self.pattern.fullmatch(text)
        if not match:
            return None
        part = match.groupdict()
        try:
            moment = datetime.datetime(int(part["Y"]), int(part["m"]), int(part["d"]), int(part["H"]),
                                       int(part.get("M") or 0), int(part.get("S") or 0))
        except ValueError:
            return None
        zone = part.get("z")
        if zone is None:
            tail = "Z" if self.zone == "UTC" else " " + self.zone
        elif zone == "Z":
            tail = "Z"
        else:
            digits = zone[1:].replace(":", "").ljust(4, "0")
            tail = zone[0] + digits[:2] + ":" + digits[2:]
        fraction = "." + part["f"] if part.get("f") else ""
        return json.dumps(moment.isoformat() + fraction + tail)


def damage(rng, text):
    at = rng.randrange(len(text) + 1)
    kind = rng.randrange(3)
    if kind == 0:
        return text[:at] + text[at + 1:]
    return text[:at] + rng.choice(DAMAGE) + text[at + (kind == 1):]


def number_text(rng, decimal_mark, group_mark, is_integer):
    whole = str(rng.randrange(10 ** rng.randrange(1, 12)))
    if group_mark and rng.random() < 0.7:
        whole = f"{int(whole):,}".replace(",", group_mark)
    elif rng.random() < 0.1:
        whole = "00" + whole
    text = rng.choice(["", "", "-", "+"]) + whole
    if not is_integer and rng.random() < 0.7:
        text += decimal_mark + "".join(rng.choice("0123456789") for _ in range(rng.randrange(1, 8)))
    return text + ("" if is_integer or rng.random() < 0.9 else rng.choice(["e3", "E-05", "e+12"]))


def expected_number(text, decimal_mark, group_mark, is_integer):
    group = re.escape(group_mark) if group_mark else "(?!)"
    fraction = "" if is_integer else f"(?:{re.escape(decimal_mark)}(?P<f>[0-9]*))?(?P<e>[eE][+-]?[0-9]{{1,3}})?"
    match = re.fullmatch(f"(?P<s>[+-]?)(?P<w>[0-9]*|[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+){fraction}", text)
    if not match or len(text.encode()) > 128:
        return None
    part = match.groupdict()
    whole = part["w"].replace(group_mark, "") if group_mark else part["w"]
    if not whole and not part.get("f"):
        return None
    digits = part["s"] + (whole or "0") + ("." + part["f"] if part.get("f") else "") + (part.get("e") or "")
    return decimal.Decimal(digits), len(part.get("f") or "")


def moment_cases(rng):
    for form in FORMATS:
        for with_offset in (False, True):
            moment = MomentFormat(form + rng.choice(["%z", " %z"]) if with_offset else form, rng.choice(ZONES))
            texts = [moment.write(rng) for _ in range(TEXTS_A_CASE)]
            texts += [damage(rng, text) for text in texts]
            yield {"column": moment.column(), "texts": [text for text in texts if text]}, moment


def check_moments(case, moment, answers, counts):
    for text, answer in zip(case["texts"], answers):
        expected = moment.expected(text)
        got = None if answer == "invalid" else answer["json"]
        assert got == expected, (case["column"], text, answer, expected)
        counts["moments" if expected else "no moments"] += 1


def number_cases(rng):
    for decimal_mark, group_mark in MARKS:
        for is_integer in (False, True):
            texts = [number_text(rng, decimal_mark, group_mark, is_integer) for _ in range(TEXTS_A_CASE)]
            texts += [damage(rng, text) for text in texts]
            column = {"name": "N", "to": "n", "type": "integer" if is_integer else "decimal", "group_mark": group_mark}
            if not is_integer:
                column["decimal_mark"] = decimal_mark
            yield {"column": column, "texts": [text for text in texts if text]}, (decimal_mark, group_mark, is_integer)


def check_numbers(case, marks, answers, counts):
    for text, answer in zip(case["texts"], answers):
        expected = expected_number(text, *marks)
        if expected is None:
            assert answer == "invalid", (case["column"], text, answer)
            counts["no numbers"] += 1
            continue
        assert answer != "invalid", (case["column"], text, expected)
        written = answer["json"]
        assert json.loads(written, parse_float=decimal.Decimal, parse_int=decimal.Decimal) == expected[0], (text, written)
        places = re.match(r"-?[0-9]+(?:\.([0-9]+))?", written).group(1) or ""
        assert len(places) == expected[1], ("digits as they were written", text, written)
        counts["numbers"] += 1


def main():
    seed = int(os.environ.get("WAYBILL_SEED", SEED_DEFAULT))
    print(f"seed {seed}")
    rng = random.Random(seed)
    counts = dict.fromkeys(("moments", "no moments", "numbers", "no numbers"), 0)
    ends_at = time.monotonic() + float(os.environ.get("WAYBILL_PROPERTY_SECONDS", SECONDS_DEFAULT))
    while time.monotonic() < ends_at or not counts["numbers"]:
        cases = [(*case, check_moments) for case in moment_cases(rng)] + [(*case, check_numbers) for case in number_cases(rng)]
        asked = "".join(json.dumps(case) + "\n" for case, _, _ in cases)
        run = subprocess.run([sys.argv[1]], input=asked, capture_output=True, check=True, text=True)
        lines = run.stdout.splitlines()
        assert len(lines) == len(cases)
        for (case, about, check), line in zip(cases, lines):
            check(case, about, json.loads(line), counts)
    assert all(counts.values()), counts
    print(", ".join(f"{count} {what}" for what, count in counts.items()) + ": Python agrees with all")


if __name__ == "__main__":
    main()
