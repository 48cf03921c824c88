"""Templates and text from outside: nothing evaluates, nothing escapes its line."""

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.templates import UNKNOWN, UnknownName, clean, cut, fill, is_complete, moment, names_in

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)
anything = st.text(st.characters(), max_size=300)


@given(anything)
def test_clean_text_is_one_composed_line_without_hidden_characters(text):
    said = clean(text)
    assert len(said.splitlines()) <= 1
    assert said == unicodedata.normalize("NFC", said) == clean(said)
    said.encode()  # no lone surrogates
    assert not any(unicodedata.category(char) == "Cc" for char in said)
    assert not set(said) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u200b\ufeff")


@pytest.mark.fault("F56")
def test_direction_overrides_and_control_characters_do_not_reach_a_reader():
    assert clean("invoice\u202egpj.exe\u0007") == "invoicegpj.exe"
    assert clean("Zoe\u0308\r\nRespond by never") == "Zoë Respond by never"
    assert clean("family 👩‍👩‍👧") == "family 👩‍👩‍👧"  # joiners that scripts and emoji need stay


@pytest.mark.fault("F55")
@given(anything, st.integers(2, 300))
def test_cut_text_fits_as_crms_count_it(text, most):
    said = cut(text, most)
    assert len(said.encode("utf-16-le", "surrogatepass")) // 2 <= most
    assert said == text or said.endswith("…")


def test_text_is_cut_after_a_whole_word():
    assert cut("viewed pricing 3 times this week", 22) == "viewed pricing 3…"
    assert cut("viewed pricing 3 times this week", 23) == "viewed pricing 3 times…"
    assert cut("Donaudampfschifffahrt", 10) == "Donaudamp…"


@pytest.mark.fault("F59")
@given(anything)
def test_a_value_is_never_read_as_a_template_again(value):
    values = {"lead.name": "{secret}" + value, "secret": "s3cr3t"}
    assert "s3cr3t" not in fill("Hello {lead.name}", values).replace(clean(value), "")


@pytest.mark.fault("F59")
@pytest.mark.parametrize("value", ["{{7*7}}", "${HOME}", "{n.__class__}", "<script>alert(1)</script>", "%s %(x)s"])
def test_template_markers_in_a_name_appear_literally(value):
    assert fill("Hello {lead.name}", {"lead.name": value}) == f"Hello {value}"


@pytest.mark.parametrize(
    "template", ["{nobody}", "{n!r}", "{n.__class__}", "{7*7}", "{{n}}x{m}", "{n:>100000}", "{}", "{n[0]}"]
)
def test_an_undeclared_name_or_form_is_refused(template):
    with pytest.raises(UnknownName, match="is not declared"):
        fill(template, {"n": 1})


@pytest.mark.parametrize(
    ("value", "form", "reads"),
    [
        (5, "{n}", "5"),
        (5.0, "{n}", "5"),
        (2.345, "{n}", "2.3"),
        (-0.01, "{n}", "0"),
        (0.917, "{n:%}", "92%"),
        (1, "{n:%}", "100%"),
        (True, "{n}", "yes"),
        (AT, "{n}", "23 Nov"),
        (None, "{n}", UNKNOWN),
        (float("nan"), "{n}", UNKNOWN),
        (float("inf"), "{n}", UNKNOWN),
        ("", "{n}", UNKNOWN),
    ],
)
def test_how_a_value_reads(value, form, reads):
    assert fill(form, {"n": value}) == reads


def test_a_template_tells_its_names_and_whether_they_have_values():
    assert names_in("{tier} {n:%} {account.name}") == ("tier", "n", "account.name")
    assert is_complete("{a} and {b}", {"a": 0, "b": False})
    assert not is_complete("{a} and {b}", {"a": 0, "b": None})


def test_a_moment_reads_in_the_readers_own_zone():
    assert moment(AT, "Europe/Berlin") == "Mon 23 Nov, 11:00 (Berlin)"
    assert moment(AT, "America/New_York") == "Mon 23 Nov, 05:00 (New York)"
    assert moment(AT, "UTC", datetime(2027, 1, 1, tzinfo=UTC).date()) == "Mon 23 Nov 2026, 10:00 (UTC)"
