"""What check says of `alerts`, and how they arrive."""

from pathlib import Path

import pytest
from settings_samples import bundled, said, starter_with

from connectors.registry import tables
from settings import starter
from settings.load import load_text
from settings.terms import Duration, Secret

SECRETS = ("HUBSPOT_TOKEN", "HUBSPOT_BASE_URL", "SALESFORCE_TOKEN", "SALESFORCE_BASE_URL", "SLACK", "HOOK", "KEY", "BEAT")


def with_alerts(text: str, *, options=None):
    return starter_with(
        "pql.yaml", ("workspace: acme", f"workspace: acme\nalerts: {text}"), options=tables() if options is None else options
    )


def loaded(text: str, monkeypatch):
    for name in SECRETS:
        monkeypatch.setenv(name, f"https://{name.lower()}.example")
    files = starter.files()
    files["pql.yaml"] = files["pql.yaml"].replace("workspace: acme", f"workspace: acme\nalerts: {text}")
    return load_text(bundled(files), options=tables()).alerts


def test_channels_arrive_with_names_that_hold_no_secret(monkeypatch):
    alerts = loaded(
        "{to: [{slack: '${SLACK}'}, {email: ops@acme.com}, {webhook: '${HOOK}', secret: '${KEY}'}], heartbeat: '${BEAT}'}",
        monkeypatch,
    )

    assert [one.name for one in alerts.to] == ["slack SLACK", "email ops@acme.com", "webhook HOOK"]
    assert alerts.to[2].options["secret"] == Secret("KEY", "https://key.example")
    assert alerts.heartbeat == Secret("BEAT", "https://beat.example")
    assert ".example" not in repr(alerts)


def test_without_a_word_limits_are_the_usual_ones_and_off_turns_one_off(monkeypatch):
    usual, own = loaded("{}", monkeypatch), loaded("{oldest_handoff: off, silent_after: 1 day}", monkeypatch)

    assert (usual.oldest_handoff, usual.silent_after, usual.to) == (Duration(1800), Duration(7200), ())
    assert (own.oldest_handoff, own.silent_after) == (None, Duration(86_400))


@pytest.mark.parametrize(
    ("text", "code", "begins"),
    [
        ("{to: [{slak: '${SLACK}'}]}", "AL001", "{slak"),
        ("{to: [{slack: '${A}', email: ops@acme.com}]}", "AL001", "email"),
        ("{to: [{email: ops@acme.com}, {email: ops@acme.com}]}", "AL002", "ops@acme.com}]"),
        ("{to: [{email: ops}]}", "RT024", "ops"),
        ("{to: [{email: ops@acme.com, secret: '${KEY}'}]}", "SE004", "secret"),
        ("{to: [{slack: https://hooks.slack.com/services/x/y/z}]}", "SE002", "https"),
        ("{to: [{webhook: https://example.com}]}", "SE002", "https"),
        ("{heartbeat: https://hc-ping.com/5f0a}", "SE002", "https"),
        ("{to: [{slack: }]}", "ST004", ""),
        ("{to: [ops@acme.com]}", "ST003", "ops"),
        ("{oldest_handoff: 1 minute}", "AL003", "1 minute"),
        ("{recovered_after: off}", "ST003", "off"),
        ("{silent: 2 hours}", "ST001", "silent"),
    ],
)
def test_a_mistake_is_said_at_its_place(text, code, begins):
    with_alerts(text).some(code, begins)


def test_a_misspelt_channel_is_met_with_the_one_that_was_meant():
    assert with_alerts("{to: [{slak: '${SLACK}'}]}").some("AL001", "{slak").try_ == "Did you mean `slack`?"


def test_alerts_as_the_documentation_writes_them_pass():
    page = (Path(__file__).parents[3] / "docs/alerts.md").read_text()
    written = page.partition("```yaml\n")[2].partition("```")[0]
    files = starter.files()

    assert said(files | {"pql.yaml": files["pql.yaml"] + written}, tables()).codes == []
