"""YAML as nodes: versions, places, and what is refused before anything is built."""

from itertools import pairwise

import pytest

from settings.document import MOST_DEPTH, MOST_TEXT, Mapping, Scalar, read_yaml, walk


def values(text):
    root, problems = read_yaml("a.yaml", text)
    assert problems == [], problems
    return [scalar.value for scalar in walk(root)]


def problem(text):
    _, problems = read_yaml("a.yaml", text)
    assert len(problems) == 1, problems
    found = problems[0]
    return found.code, found.line, found.col


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("no", "no"),
        ("on", "on"),
        ("NO", "NO"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("12", 12),
        ("-3", -3),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("010", 10),
        ("0x1F", "0x1F"),
        ("12:30", "12:30"),
        ("2026-11-22", "2026-11-22"),
        ("'12'", "12"),
        ('"null"', "null"),
    ],
)
def test_words_are_read_as_yaml_1_2_reads_them(written, read):
    assert values(f"a: {written}") == [read]


def test_a_directive_for_yaml_1_1_changes_nothing():
    assert values("%YAML 1.1\n---\na: no") == ["no"]


@pytest.mark.parametrize(
    "text",
    [
        "a: say 'hi' there",
        "a: 'it''s said'",
        'a: "said \\" once"',
        "a: >\n  folded\n  lines said\n",
        "a: |\n  kept\n  said\n",
        "a: one\n  said two",
    ],
)
def test_a_character_inside_a_value_has_its_exact_place(text):
    root, _ = read_yaml("a.yaml", text)
    scalar = root.entries[0].value
    word = "hi" if "hi" in text else "said"

    place = scalar.inside(scalar.text.index(word))

    assert text.splitlines()[place.line - 1][place.col - 1 :].startswith(word)


def test_keys_and_values_know_their_places():
    root, _ = read_yaml("a.yaml", "a:\n  b: [1, {c: d}]\n")
    inner = root.entries[0].value.entries[0]

    assert (inner.place.line, inner.place.col) == (2, 3)
    assert (inner.value.items[1].entries[0].value.place.line, inner.value.items[1].entries[0].value.place.col) == (2, 14)


def test_every_duplicate_key_is_named_at_its_second_place():
    _, problems = read_yaml("a.yaml", "a: 1\nb: {c: 1, c: 2}\na: 3\n")

    assert [(p.code, p.line, p.col) for p in problems] == [("YA002", 2, 11), ("YA002", 3, 1)]


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system ['true']", "!!python/name:os.system", "!secret x", "!!binary aGk=", "!!set {a}"]
)
def test_tags_are_refused_and_never_acted_on(tag):
    assert problem(f"a: {tag}")[0] == "YA003"


def test_an_alias_is_a_repetition():
    assert values("a: &x [1, 2]\nb: *x") == [1, 2, 1, 2]


def test_an_alias_bomb_is_refused_before_it_is_expanded():
    names = "abcdefghijkl"
    lines = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"{here}: &{here} [{','.join(['*' + before] * 10)}]" for before, here in pairwise(names)]

    code, line, _ = problem("\n".join(lines))

    assert (code, line) == ("YA004", 5)


def test_a_value_that_contains_itself_is_refused():
    assert problem("a: &x [*x]")[0] == "YA001"


def test_depth_is_capped_without_recursion():
    assert problem("a: " + "[" * 100_000)[0] == "YA004"
    assert values("a: " + "[" * (MOST_DEPTH - 2) + "]" * (MOST_DEPTH - 2)) == []


def test_size_is_capped():
    assert problem("a: " + "x" * MOST_TEXT)[0] == "YA004"


@pytest.mark.parametrize("text", ["{n}: 1", "[a]: 1", "? {a: b}\n: 1", "~: 1"])
def test_a_key_with_braces_brackets_or_nothing_wants_quotes(text):
    assert problem(text)[:2] == ("YA005", 1)


def test_merge_keys_are_refused():
    assert problem("a: &a {b: 1}\nc: {<<: *a}") == ("YA008", 2, 5)


def test_a_second_document_is_refused():
    assert problem("a: 1\n---\nb: 1\n") == ("YA008", 2, 1)


@pytest.mark.parametrize(
    ("text", "line"), [("a: [1\n", 2), ("a: 'x\n", 2), ("a:\n  b\n c: d\n", 3), ("a: b: c", 1), ("\ta: 1", 1), ("a: @x", 1)]
)
def test_broken_yaml_is_named_with_its_place(text, line):
    assert problem(text)[:2] == ("YA001", line)


@pytest.mark.parametrize("text", ["a: \x00", "a: \x1b[0m"])
def test_control_characters_are_refused(text):
    assert problem(text)[0] == "YA001"


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text", "12"])
def test_a_file_holds_keys(text):
    assert problem(text)[0] == "ST003"


def test_an_empty_file_holds_nothing_and_is_no_problem():
    assert read_yaml("a.yaml", "# only a comment\n") == (None, [])


def test_nodes_are_plain_values():
    root, _ = read_yaml("a.yaml", "a: b")

    assert isinstance(root, Mapping)
    assert isinstance(root.get("a"), Scalar)
    assert root.get("z") is None
