"""Trees of the condition language for laws, and the text of a tree."""

from hypothesis import strategies as st

from settings.condition.tree import (
    And,
    Arithmetic,
    Between,
    Call,
    Column,
    Compare,
    Constant,
    In,
    InList,
    IsNull,
    Like,
    Not,
    Or,
)

NUMBERS = ("projects", "usage", "account.employees")
TEXTS = ("account.country", "user.title")
FLAGS = ("crm.is_customer", "user.opted_in")
words = st.text("abcDE'% _-é", max_size=6)
small = st.integers(-3, 6)
decimals = st.sampled_from([0.5, 1.25, 2.0, 45.5])
number_columns = st.sampled_from(NUMBERS).map(Column)
text_columns = st.sampled_from(TEXTS).map(Column)
numbers = st.recursive(
    number_columns | (small | decimals).map(Constant),
    lambda inner: (
        st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner)
        | st.builds(lambda part: Call("abs", (part,)), inner)
        | st.builds(lambda part, digits: Call("round", (part, Constant(digits))), inner, st.integers(0, 3))
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: Call("greatest", tuple(parts)))
    ),
    max_leaves=4,
)
texts = text_columns | words.map(Constant) | text_columns.map(lambda part: Call("lower", (part,)))
simple = st.one_of(
    st.builds(Compare, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), numbers, numbers),
    st.builds(Compare, st.sampled_from(["=", "<>"]), texts, texts),
    st.builds(Between, number_columns, small.map(Constant), small.map(Constant)),
    st.builds(In, text_columns, st.lists(words, min_size=1, max_size=3).map(tuple)),
    st.builds(In, number_columns, st.lists(small, min_size=1, max_size=3).map(tuple)),
    st.builds(InList, text_columns, st.sampled_from(["own_domains", "named"])),
    st.builds(Like, texts, words, st.booleans()),
    st.builds(IsNull, number_columns | text_columns),
    st.sampled_from(FLAGS).map(Column),
)


def _joined(kind):
    # Parts of the same kind are one list in the language: a and (b and c) is a and b and c in brackets, another tree.
    return lambda parts: kind(tuple(parts))


conditions = st.recursive(
    simple,
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).map(_joined(And))
        | st.lists(inner, min_size=2, max_size=3).map(_joined(Or))
        | st.builds(Not, inner)
    ),
    max_leaves=6,
)


def quoted(value):
    if isinstance(value, bool):
        return str(value).lower()
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else "null" if value is None else str(value)


def text_of(node):  # noqa: C901, PLR0911 - one case for each kind of node
    """The tree as somebody would write it, with brackets around every part."""
    match node:
        case Column(name):
            return name
        case Constant(value):
            return (
                quoted(value)
                if not isinstance(value, (int, float)) or isinstance(value, bool) or value >= 0
                else f"({value})"
            )
        case And(parts):
            return " and ".join(f"({text_of(part)})" for part in parts)
        case Or(parts):
            return " or ".join(f"({text_of(part)})" for part in parts)
        case Not(part):
            return f"not ({text_of(part)})"
        case IsNull(part):
            return f"{text_of(part)} is null"
        case Compare(op, left, right) | Arithmetic(op, left, right):
            return f"({text_of(left)}) {op} ({text_of(right)})"
        case Between(part, low, high):
            return f"{text_of(part)} between {text_of(low)} and {text_of(high)}"
        case In(part, values):
            return f"{text_of(part)} in ({', '.join(map(quoted, values))})"
        case InList(part, name):
            return f"{text_of(part)} in {name}"
        case Like(part, pattern, ignore_case):
            return f"{text_of(part)} {'ilike' if ignore_case else 'like'} {quoted(pattern)}"
        case Call(name, arguments):
            return f"{name}({', '.join(map(text_of, arguments))})"
