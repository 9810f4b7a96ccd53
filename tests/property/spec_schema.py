"""Goal:   config/file-spec.schema.json and the program agree: what an editor with the schema marks as wrong
        would be refused, and what the program takes the schema takes.
Method: every spec of the repository, and thousands made of them by taking keys away, adding keys of
        other formats and types, and changing values, are judged by python3-jsonschema and by
        `waybill-central spec lint`. The schema may take more (it cannot compare keys with one
        another), but never less; of what it can say, a list of cases must be refused by both.
"""

import copy
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEED = random.SystemRandom().randrange(10**9)
ROUNDS = 1500
AT_ONCE = 50
BOTH_REFUSE = {
    "a timestamp without format": lambda s: s["columns"].append({"name": "x1", "to": "x1", "type": "timestamp", "time_zone": "UTC"}),
    "a date without format": lambda s: s["columns"].append({"name": "x1", "to": "x1", "type": "date"}),
    "a format of a text": lambda s: s["columns"].append({"name": "x1", "to": "x1", "date_format": "%Y-%m-%d"}),
    "a zone of a date": lambda s: s["columns"].append({"name": "x1", "to": "x1", "type": "date", "date_format": "%Y%m%d", "time_zone": "UTC"}),
    "a decimal mark of an integer": lambda s: s["columns"].append({"name": "x1", "to": "x1", "type": "integer", "decimal_mark": ","}),
    "marks of a text": lambda s: s["columns"].append({"name": "x1", "to": "x1", "group_mark": "."}),
    "words of a text": lambda s: s["columns"].append({"name": "x1", "to": "x1", "true_values": ["y"]}),
    "a table of a csv": lambda s: s.update(table="t"),
    "a dump without table": lambda s: s.update(format="sqlite"),
    "a delimiter of JSON lines": lambda s: s.update(format="jsonl", delimiter=";"),
    "a header of JSON lines": lambda s: s.update(format="jsonl", header=True),
    "an entry of a gzip": lambda s: s.update(container="gzip", container_entry="*.csv"),
    "an unknown key": lambda s: s.update(colour="red"),
    "an unknown rule": lambda s: s.update(on_finding={"no-such-rule": "warn"}),
    "an action that the rule does not have": lambda s: s.update(on_finding={"value-invalid": "warn"}),
    "a repeated header ignored": lambda s: s.update(on_finding={"header-repeated": "ignore"}),
    "a long name": lambda s: s["columns"].append({"name": "n" * 256, "to": "x1"}),
    "no columns": lambda s: s.update(columns=[]),
}
BOTH_TAKE = {
    "a timestamp with offset": lambda s: s["columns"].append({"name": "x1", "to": "x1", "type": "timestamp", "date_format": "%Y-%m-%dT%H:%M%z"}),
    "a timestamp with zone": lambda s: s["columns"].append({"name": "x1", "to": "x1", "type": "timestamp", "date_format": "%Y-%m-%d %H:%M", "time_zone": "UTC"}),
    "a decimal comma": lambda s: s["columns"].append({"name": "x1", "to": "x1", "type": "decimal", "decimal_mark": ",", "group_mark": "."}),
    "a repeated header left out": lambda s: s.update(on_finding={"header-repeated": "quarantine_row"}),
}
PLAIN = {"file_tag": "plain", "entity": "component", "file_name": "*", "columns": [{"name": "code", "to": "code"}]}


def is_spec(value):
    return isinstance(value, dict) and {"file_tag", "entity", "columns"} <= set(value)


def specs_of_the_repository():
    paths = [p for p in sorted(ROOT.glob("config/agencies/*/*.json")) if not p.name.startswith("_")]
    paths += sorted(ROOT.glob("fixtures/broken/specs/*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def keys_and_values(specs):
    """Every key with values that some spec has, for specs and for columns."""
    of_spec, of_column = {}, {}
    for spec in specs:
        for key, value in spec.items():
            of_spec.setdefault(key, []).append(value)
        for column in spec["columns"]:
            for key, value in column.items():
                of_column.setdefault(key, []).append(value)
    return of_spec, of_column


def mutate(rng, spec, values):
    of_spec, of_column = values
    spec = copy.deepcopy(spec)
    for _ in range(rng.randint(1, 3)):
        target, known = (spec, of_spec) if rng.random() < 0.5 else (rng.choice(spec["columns"]), of_column)
        key = rng.choice(sorted(known))
        kind = rng.random()
        if kind < 0.3:
            target.pop(key, None)
        elif kind < 0.8:
            target[key] = copy.deepcopy(rng.choice(known[key]))
        else:
            target[key] = rng.choice([None, "", 0, 1, -1, True, [], {}, "x", ["x"], "csv", "date", "timestamp"])
        if not isinstance(spec.get("columns"), list) or not spec["columns"] or not all(isinstance(c, dict) for c in spec["columns"]):
            break
    return spec


def judged_by_the_program(program, specs):
    """Whether each spec is taken: `spec lint` names every file that it refuses. It compares them in pairs, so few at once."""
    taken = []
    for begin in range(0, len(specs), AT_ONCE):
        taken += judged_together(program, specs[begin:begin + AT_ONCE])
    return taken


def judged_together(program, specs):
    with tempfile.TemporaryDirectory() as folder:
        for index, spec in enumerate(specs):
            pathlib.Path(folder, f"{index:05}.json").write_text(json.dumps(spec), encoding="utf-8")
        run = subprocess.run([program, "spec", "lint", folder], capture_output=True, check=False, text=True)
    refused = {match.group(1) for match in re.finditer(r"^(\d+\.json): error: .*WB-3014", run.stdout, re.MULTILINE)}
    assert run.stdout.splitlines()[-1].startswith(f"{len(specs) - len(refused)} of {len(specs)} specs"), run
    return [f"{index:05}.json" not in refused for index in range(len(specs))]


def main():
    program = sys.argv[1]
    schema = json.loads((ROOT / "config/file-spec.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    own = specs_of_the_repository()
    assert len(own) > 20, len(own)
    for spec in own:
        problems = [error.message for error in validator.iter_errors(spec)]
        assert not problems, ("the schema refuses a spec of ours", spec["file_tag"], problems)
    named = []
    for cases, is_good in ((BOTH_REFUSE, False), (BOTH_TAKE, True)):
        for name, change in cases.items():
            spec = copy.deepcopy(PLAIN)
            change(spec)
            named.append((name, spec, is_good))
    for (name, spec, is_good), taken in zip(named, judged_by_the_program(program, [spec for _, spec, _ in named])):
        assert taken == is_good, ("the program", name, spec)
        assert validator.is_valid(spec) == is_good, ("the schema", name, spec)
    rng = random.Random(SEED)
    values = keys_and_values(own)
    mutated = [mutate(rng, rng.choice(own), values) for _ in range(ROUNDS)]
    taken = judged_by_the_program(program, mutated)
    for spec, is_taken in zip(mutated, taken):
        if is_taken and not validator.is_valid(spec):
            raise AssertionError(("the program takes what the schema refuses", SEED, spec,
                                  [error.message for error in validator.iter_errors(spec)]))
    surplus = sum(1 for spec, is_taken in zip(mutated, taken) if not is_taken and validator.is_valid(spec))
    print(f"{len(own)} specs of ours, {len(named)} cases, {ROUNDS} mutations (seed {SEED}): {sum(taken)} taken by both, "
          f"{surplus} refused by the program alone")


if __name__ == "__main__":
    main()
