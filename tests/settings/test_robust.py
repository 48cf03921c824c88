"""Whatever somebody types into the settings, check answers with problems at places that exist, and never fails itself."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from settings_samples import said

from settings import starter

NAMES = sorted(starter.files())
BITS = [
    "{",
    "}",
    "[",
    "]",
    ":",
    "-",
    "\n",
    "'",
    '"',
    "null",
    "~",
    "no",
    "true",
    "5",
    "-1",
    "a.b",
    "*a",
    "&a ",
    "!!str ",
    "| ",
    "> ",
    "#",
]
BITS += ["to", "when", "{}", "[]", "${X}", "{n}", ",", "in", "or", "usage >= 1", "\t", "é", "\u2028", "<<: "]
edits = st.lists(
    st.tuples(st.sampled_from(NAMES), st.floats(0, 1, exclude_max=True), st.integers(0, 12), st.sampled_from(BITS)),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits)
def test_no_slip_of_the_keyboard_makes_check_fail_itself(changes):
    files = starter.files()
    for name, where, length, bit in changes:
        at = int(where * len(files[name]))
        files[name] = files[name][:at] + bit + files[name][at + length :]

    found = said(files)

    for problem in found.all:
        lines = found.checked.files[problem.file].split("\n")
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.col <= len(lines[problem.line - 1]) + 2
    assert (found.checked.settings is None) == bool(found.checked.problems)
