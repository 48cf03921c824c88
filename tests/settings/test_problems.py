"""How a problem reads, and the pages and the schema that are written from the code."""

import json
from pathlib import Path

import pytest
from settings_samples import starter_with

from settings import codes, reference, schema, starter
from settings.check import check
from settings.document import Mapping, Scalar, Sequence, read_yaml
from settings.load import load
from settings.problem import Place, Problem, Problems, did_you_mean, render

ROOT = Path(__file__).parents[2]


def test_a_problem_shows_its_line_with_a_caret_below_the_place():
    found = starter_with("score.yaml", ("{signal: active_days,", "{signal: active_dais,"))

    text = render(found.checked.problems, found.checked.files)

    assert text.splitlines() == [
        "score.yaml:6:16  `active_dais` is not a signal.  Did you mean `active_days`?  (signals.yaml:5)  [SC002]",
        "  6 |     - {signal: active_dais, points: 20, full_at: 10}",
        "    |                ^",
    ]


def test_the_json_of_a_problem_is_stable():
    problem = Problem("a.yaml", 1, 2, "ST001", "What.", "Try.")

    assert json.loads(json.dumps(problem.json())) == {
        "file": "a.yaml",
        "line": 1,
        "col": 2,
        "code": "ST001",
        "message": "What.",
        "try": "Try.",
    }


def test_a_long_line_is_cut_around_the_caret():
    text = "x" * 400 + "HERE" + "y" * 400
    lines = render([Problem.at(Place("a", 1, 401), "ST001", "m")], {"a": text}).splitlines()

    assert len(lines[1]) < 180
    assert lines[1][lines[2].index("^") :].startswith("HERE")


def test_tabs_do_not_move_the_caret():
    lines = render([Problem.at(Place("a", 1, 3), "ST001", "m")], {"a": "\tkHERE"}).splitlines()

    assert lines[1][lines[2].index("^") :] == "HERE"


def test_a_place_that_is_no_longer_there_shows_no_line():
    assert render([Problem.at(Place("a", 9), "ST001", "m")], {"a": "one"}) == "a:9:1  m  [ST001]"


def test_a_suggestion_is_made_only_for_what_is_close():
    assert did_you_mean("emploees", ["employees", "country"]) == "Did you mean `employees`?"
    assert did_you_mean("DOMAIN", ["domain"]) == "Did you mean `domain`?"
    assert did_you_mean("zzz", ["employees"], "Else.") == "Else."


def test_problems_come_in_the_order_of_files_and_lines_and_once():
    found = starter_with(
        "qualify.yaml", ("enter_at: 60", "enter_at: x"), ("grain: lead", "grain: leed"), ("runs: 1", "rums: 1")
    )
    places = [(p.file, p.line, p.col) for p in found.checked.problems]

    assert places == sorted(set(places))


def test_loading_what_is_wrong_raises_all_of_it(tmp_path):
    starter.write(tmp_path)
    (tmp_path / "qualify.yaml").write_text("qualify: 3\n")

    with pytest.raises(Problems) as raised:
        load(tmp_path, secrets=False)

    assert [(p.file, p.line, p.col, p.code) for p in raised.value.problems] == [("qualify.yaml", 1, 10, "ST003")]
    assert "qualify.yaml:1:10" in str(raised.value)
    assert str(tmp_path) not in str(raised.value)


@pytest.mark.parametrize("name", ["nothing", "nothing.yaml"])
def test_a_path_without_settings_is_one_problem(tmp_path, name):
    checked = check(tmp_path / name)

    assert [problem.code for problem in checked.problems] == ["YA006"]


def test_a_file_that_is_not_text_is_a_problem(tmp_path):
    (tmp_path / "pql.yaml").write_bytes(b"\xff\xfe\x00")

    assert [problem.code for problem in check(tmp_path).problems] == ["YA006"]


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "secret.csv").write_text("domain,owner\nx,y@z.example\n")
    starter.write(tmp_path / "settings")
    named = tmp_path / "settings" / "lists" / "named_accounts.csv"
    named.unlink()
    named.symlink_to(tmp_path / "secret.csv")

    assert [problem.code for problem in check(tmp_path / "settings").problems] == ["LI001"]


def test_one_file_serves_as_well_as_a_folder(tmp_path):
    starter.write(tmp_path)
    whole = "".join(path.read_text() for path in sorted(tmp_path.glob("*.yaml")))
    for path in tmp_path.glob("*.yaml"):
        path.unlink()
    (tmp_path / "everything.yaml").write_text(whole)

    assert check(tmp_path / "everything.yaml").problems == ()


# ---------------------------------------------------------------------------------------- pages and schema


def test_every_code_that_is_used_is_in_the_table_and_every_code_of_the_table_is_used():
    source = "".join(path.read_text() for path in (ROOT / "settings").rglob("*.py") if path.name != "codes.py")

    unused = {code for code in codes.CODES if f'"{code}"' not in source}
    assert unused == set()
    assert {codes.family(code) for code in codes.CODES} == set(codes.FAMILIES)


def test_the_page_of_problems_is_written_from_the_table():
    assert (ROOT / "docs" / "settings-problems.md").read_text() == codes.problems_page()


def test_the_reference_page_is_written_from_the_models():
    assert (ROOT / "docs" / "settings.md").read_text() == reference.settings_page()


def test_every_key_of_the_reference_says_what_it_means():
    rows = [
        line for line in reference.settings_page().splitlines() if line.startswith("| ") and not line.startswith("| key")
    ]
    silent = [row for row in rows if row.rstrip("| ").count("|") < 2]

    assert silent == []


def test_the_shipped_schema_is_the_one_of_the_models():
    assert schema.FILE.read_text() == schema.text()


def valid(node, shape, defs):
    """A JSON Schema validator for the words that the schema uses."""
    shape = defs[shape["$ref"].rsplit("/", 1)[1]] if "$ref" in shape else shape
    if "anyOf" in shape:
        return any(valid(node, arm, defs) for arm in shape["anyOf"])
    if "enum" in shape or "const" in shape:
        return isinstance(node, Scalar) and node.value in shape.get("enum", [shape.get("const")])
    if isinstance(node, Sequence):
        return shape.get("type") == "array" and all(valid(item, shape["items"], defs) for item in node.items)
    if isinstance(node, Mapping):
        rest, known = shape.get("additionalProperties", True), shape.get("properties", {})
        if shape.get("type") != "object" or set(shape.get("required", ())) - {entry.key for entry in node.entries}:
            return False
        of = {entry.key: known.get(entry.key, rest) for entry in node.entries}
        return all(of[e.key] is True or (of[e.key] is not False and valid(e.value, of[e.key], defs)) for e in node.entries)
    kinds = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
    return isinstance(node.value, kinds.get(shape.get("type"), ()))


@pytest.mark.parametrize("name", sorted(name for name in starter.files() if name.endswith(".yaml")))
def test_the_starter_is_valid_by_the_schema(name):
    made = schema.schema()
    root, _ = read_yaml(name, starter.files()[name])

    assert valid(root, made, made["$defs"])


@pytest.mark.parametrize(
    "text",
    [
        "signals: {a: {count: x, family: used}}",
        "signals: {a: {count: x, famly: use}}",
        "signals: {a: {count: x}}",
        "tiers: [{when: x}]",
        "qualify: {pql: {enter_at: sixty, exit_below: 3}}",
        "nonsense: 1",
        "handoff: {work_in: x}",
    ],
)
def test_the_schema_refuses_what_check_refuses(text):
    made = schema.schema()
    root, _ = read_yaml("a.yaml", text)

    assert not valid(root, made, made["$defs"])
