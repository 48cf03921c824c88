"""A small set of RevOps settings, built from the models, for tests of the core that need some."""

from settings.condition.tree import And, Column, Compare, Condition, Constant, In, InList, IsNull
from settings.destinations import DestinationSpec
from settings.handoff import Handoff, NextStep
from settings.partners import Partner, PartnerPool, Partners
from settings.qualify import Definition
from settings.root import Settings
from settings.routing import Calendar, ListSpec, Member, Pool, Queue, Rule, Target
from settings.score import Line, Score, Tier
from settings.signals import Signal
from settings.terms import Duration, Working


def compare(name, op, value):
    node = Compare(op, Column(name), Constant(value))
    return Condition(f"{name} {op} {value!r}", node, columns=(name,))


def flag(name):
    return Condition(name, Column(name), columns=(name,))


def is_null(name):
    return Condition(f"{name} is null", IsNull(Column(name)), columns=(name,))


def one_of(name, *values):
    return Condition(f"{name} in {values}", In(Column(name), values), columns=(name,))


def in_list(name, listed):
    return Condition(f"{name} in {listed}", InList(Column(name), listed), columns=(name,), lists=(listed,))


def both(*conditions):
    columns = tuple(column for each in conditions for column in each.columns)
    return Condition(" and ".join(each.text for each in conditions), And(tuple(each.tree for each in conditions)), columns)


WEEK, FORTNIGHT = Duration(7 * 86400), Duration(14 * 86400)
SIGNALS = (
    Signal(name="active_days", kind="days_with", within=FORTNIGHT, family="use", says="active on {n} of the last 14 days"),
    Signal(name="projects", kind="count", within=FORTNIGHT, family="value", says="{n} projects created in 14 days"),
    Signal(name="integrations", kind="distinct", property="integration", family="value", says="{n} integrations connected"),
    Signal(name="team", kind="active_users", per="account", family="use", says="{n} colleagues active in 28 days"),
    Signal(name="near_limit", kind="ratio", per="account", family="intent", says="{n:%} of storage used"),
    Signal(name="pricing_views", kind="count", within=WEEK, family="intent", says="viewed pricing {n} times this week"),
    Signal(name="hand_raise", kind="count", family="intent", says="asked to talk to sales"),
)
SCORE = Score(
    usage=(
        Line(signal="projects", points=30, full_at=5),
        Line(signal="active_days", points=20, full_at=10),
        Line(signal="integrations", points=20, full_at=2),
        Line(signal="team", points=20, full_at=5),
    ),
    fit=(Line(when=compare("account.employees", ">=", 50), points=60, says="{account.employees} employees"),),
    intent=(
        Line(signal="hand_raise", points=100, full_at=1),
        Line(signal="pricing_views", points=50, full_at=3),
        Line(signal="near_limit", points=50, **{"from": 0.7}, full_at=1.0),
    ),
)
HANDOFF = Handoff(
    work_in="hubspot",
    per_rep_per_day=8,
    unowned=("integration@acme.com",),
    next_steps=(
        NextStep(when=compare("hand_raise", ">=", 1), action="call", say="Call back: they asked to talk to sales."),
        NextStep(action="email", say="Ask what they build with {top_integration}."),
    ),
    due=Working(4, "hour"),
)
SMB = Target(pool="smb")
DESK = Target(queue="sales_desk")
ROUTING = (
    Rule(
        name="named accounts",
        when=in_list("account.domain", "named_accounts"),
        to=Target(owner_in="named_accounts", if_inactive=SMB),
    ),
    Rule(name="existing owner", when=flag("crm.account_owner_active"), to=Target(owner_of="account", if_inactive=SMB)),
    Rule(name="country unknown", when=is_null("account.country"), to=Target(queue="enrichment")),
    Rule(
        name="dach partners",
        when=both(one_of("account.country", "DE", "AT", "CH"), compare("account.employees", "<", 200)),
        to=Target(offer="dach"),
        otherwise=SMB,
    ),
    Rule(name="everyone else", to=SMB),
)
PARTNERS = Partners(
    directory=(
        Partner(name="Alpen IT", contact="hi@alpen.example", manager="pam@acme.com", territory="dach", per_month=2),
        Partner(name="Rhein Data", contact="hi@rhein.example", manager="pit@acme.com", territory="dach"),
        Partner(name="Nord Soft", contact="hi@nord.example", manager="pit@acme.com", territory="nordics"),
    ),
    pools={"dach": PartnerPool(name="dach", members={"territory": "dach"})},
    consent=flag("user.partner_consent"),
)


def sample(**changes):
    """The settings of acme, with the given parts replaced."""
    parts = {
        "workspace": "acme",
        "timezone": "Europe/Berlin",
        "calendars": {"emea": Calendar(name="emea", timezone="Europe/Berlin", hours="Mon-Fri 09:00-18:00", holidays="DE")},
        "lists": {
            "named_accounts": ListSpec(
                name="named_accounts",
                key="domain",
                rows={"nordwerk.example": {"owner": "Eva@acme.com"}, "gone.example": {"owner": "gone@acme.com"}},
            )
        },
        "sources": {},
        "signals": {signal.name: signal for signal in SIGNALS},
        "score": SCORE,
        "tiers": (
            Tier(name="hot", when=compare("usage", ">=", 70)),
            Tier(name="warm", when=compare("usage", ">=", 40)),
            Tier(name="cold"),
        ),
        "qualify": {"pql": Definition(name="pql", enter_at=60, exit_below=45)},
        "handoff": HANDOFF,
        "routing": ROUTING,
        "pools": {
            "smb": Pool(
                name="smb",
                calendar="emea",
                members=(Member(who="ana@acme.com"), Member(who="tom@acme.com", weight=2, per_day=5)),
                when_nobody=DESK,
            )
        },
        "queues": {
            "enrichment": Queue(name="enrichment", owner="revops@acme.com", due=Working(1, "day")),
            "sales_desk": Queue(name="sales_desk", owner="lead-desk@acme.com", due=Working(2, "hour")),
        },
        "partners": PARTNERS,
        "destinations": {"hubspot": DestinationSpec(name="hubspot", kind="hubspot")},
    }
    return Settings(**{**parts, **changes})
