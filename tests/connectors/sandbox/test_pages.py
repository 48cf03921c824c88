"""What reps, queues and partners see of both sandbox CRMs."""

import re

import pytest
import urllib3

from connectors.fields import FIELDS, salesforce_name
from connectors.sandbox.pages.book import plain
from connectors.sandbox.serve import Endpoint, Sandbox

MARIA = {
    "pql_flag": "true",
    "pql_tier": "hot",
    "pql_score": "82",
    "pql_fit_score": "60",
    "pql_reasons": "5 projects created in 14 days / asked to talk to sales",
    "pql_next_step": "Call back: they asked to talk to sales.",
    "pql_respond_by": "2026-11-23T10:00:00Z",
    "pql_partner": "Alpine & Söhne",
    "pql_partner_status": "offered",
    "pql_outcome": "accepted",
}
BODY = "Respond by Monday.<br>Why now: <b>5 &lt;big&gt; projects</b><script>alert(1)</script>"


def hubspot_portal(hubspot: Endpoint) -> tuple[str, str]:
    made = hubspot.seed(
        owners=[
            {"email": "ana@acme.com", "name": "Ana Lopez"},
            {"email": "desk@acme.com", "name": "Sales desk", "kind": "queue"},
        ],
        records=[
            {"object": "company", "ref": "n", "properties": {"name": "Nordwerk GmbH", "domain": "nordwerk.de"}},
            {
                "object": "contact",
                "ref": "m",
                "properties": {
                    "firstname": "Maria",
                    "lastname": "<i>Huber</i>",
                    "email": "m@nordwerk.de",
                    "hubspot_owner_id": "ana@acme.com",
                    **MARIA,
                },
                "associations": [{"ref": "n"}],
            },
            {
                "object": "contact",
                "properties": {"firstname": "Jan", "email": "j@nordwerk.de", "pql_score": "12", "pql_tier": "cold"},
            },
            {
                "object": "task",
                "properties": {
                    "hs_task_subject": "Hot PQL: Maria",
                    "hs_task_body": BODY,
                    "hs_timestamp": "2026-11-20T10:00:00Z",
                    "hubspot_owner_id": "ana@acme.com",
                },
                "associations": [{"ref": "m"}, {"ref": "n"}],
            },
        ],
    )
    return made["records"][1]["id"], made["owners"]["ana@acme.com"]


def salesforce_org(salesforce: Endpoint) -> tuple[str, str]:
    named = {salesforce_name(name): value for name, value in MARIA.items()}
    named |= {"PQL_Flag__c": True, "PQL_Score__c": 82, "PQL_Fit_Score__c": 60}
    kinds = {"flag": "boolean", "number": "double", "moment": "datetime"}
    fields = [{"object": "Lead", "name": salesforce_name(one.name), "type": kinds.get(one.type, "string")} for one in FIELDS]
    owners = salesforce.seed(owners=[{"email": "ana@acme.com", "name": "Ana Lopez"}], fields=fields)["owners"]
    owner = owners["ana@acme.com"]
    person = {
        "FirstName": "Maria",
        "LastName": "<i>Huber</i>",
        "Company": "Nordwerk GmbH",
        "Email": "m@nordwerk.de",
        "OwnerId": owner,
    }
    lead = salesforce.seed(records=[{"object": "Lead", "properties": {**person, **named}}])["records"][0]["id"]
    task = {
        "Subject": "Hot PQL: Maria",
        "Description": "Respond by Monday.\nWhy now: 5 <big> projects",
        "WhoId": lead,
        "OwnerId": owner,
    }
    salesforce.seed(
        records=[{"object": "Task", "properties": {**task, "ActivityDate": "2026-11-20", "Status": "Not Started"}}]
    )
    return lead, owner


@pytest.fixture(scope="module", params=["hubspot", "salesforce"])
def crm(request):
    """A CRM with one qualified lead, one task and one rep: (endpoint, id of the lead, id of the rep)."""
    with Sandbox.start(only=(request.param,)) as running:
        endpoint = getattr(running, request.param)
        fill = {"hubspot": hubspot_portal, "salesforce": salesforce_org}[request.param]
        yield endpoint, *fill(endpoint)


def get(endpoint: Endpoint, path: str) -> tuple[int, str]:
    with urllib3.PoolManager() as pool:
        answer = pool.request("GET", endpoint.url + path)
        return answer.status, answer.data.decode()


def read(html: str) -> str:
    """Return what a person reads on a page."""
    body = re.sub(r"(?s)<style>.*?</style>", "", html)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def person(crm) -> str:
    endpoint, lead, _ = crm
    return f"/records/{'contact' if endpoint.name == 'hubspot' else 'lead'}/{lead}"


def test_a_record_shows_why_now_what_to_do_and_by_when(crm):
    status, html = get(crm[0], person(crm))
    said = read(html)

    assert status == 200
    for words in (
        "hot",
        "82",
        "asked to talk to sales",
        "Call back",
        "Respond by Mon 23 Nov 2026, 11:00",
        "Ana Lopez",
        "Alpine",
    ):
        assert words in said
    assert "accepted" in said


def test_a_record_shows_its_open_task_with_the_text_and_nothing_that_runs(crm):
    html = get(crm[0], person(crm))[1]

    assert "Hot PQL: Maria" in html
    assert "Why now: 5 &lt;big&gt; projects" in html
    assert "<script" not in html
    assert "<i>Huber" not in html
    assert "&lt;i&gt;Huber&lt;/i&gt;" in html


def test_the_vendors_own_address_of_a_record_leads_to_its_page(crm):
    endpoint, lead, _ = crm
    path = f"/contacts/1/record/0-1/{lead}" if endpoint.name == "hubspot" else f"/lightning/r/Lead/{lead}/view"

    assert get(endpoint, path) == get(endpoint, person(crm))


def test_home_counts_and_links_leads_reps_and_partners(crm):
    endpoint, _, owner = crm
    html = get(endpoint, "/")[1]

    for link in (person(crm), f"/reps/{owner}", "/partners/Alpine%20%26%20S%C3%B6hne"):
        assert f'href="{link}"' in html
    assert "1 qualified leads" in read(html)
    assert "1 overdue" in read(html)


def test_a_rep_sees_open_tasks_and_qualified_leads(crm):
    endpoint, _, owner = crm
    said = read(get(endpoint, f"/reps/{owner}")[1])

    assert "1 open tasks 1 overdue 0 done 1 qualified leads" in said
    assert "Why now: 5" in said


def test_a_partner_page_shows_offers_and_their_state(crm):
    said = read(get(crm[0], "/partners/Alpine%20%26%20S%C3%B6hne")[1])

    assert "Alpine &amp; Söhne 1 offered" in said


def test_search_finds_by_name_address_or_id(crm):
    endpoint, lead, _ = crm
    for words in ("mari", "M@NORDWERK", lead):
        assert "Maria" in read(get(endpoint, f"/?q={words}")[1])
    assert "0 records" in read(get(endpoint, "/?q=nobody%20has%20this")[1])


@pytest.mark.parametrize("path", ["/records/contact/404", "/reps/404", "/partners/none", "/records/unicorn/1"])
def test_what_is_not_there_has_no_page(crm, path):
    assert get(crm[0], path)[0] in (401, 404)


def test_a_page_may_load_and_run_nothing(crm):
    before = crm[0].requests()
    with urllib3.PoolManager() as pool:
        answer = pool.request("GET", crm[0].url + "/")

    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert crm[0].requests() == before


def test_a_queue_has_a_page_like_a_rep(hubspot):
    hubspot_portal(hubspot)

    assert "Queue Sales desk" in read(get(hubspot, "/reps/700002")[1])


@pytest.mark.parametrize(
    ("markup", "text"),
    [("a<br>b", "a\nb"), ("<p>a</p><p>b &amp; c</p>", "a\nb & c"), ("&lt;script&gt;", "<script>"), ("a\nb", "a\nb")],
)
def test_rich_text_becomes_lines(markup, text):
    assert plain(markup) == text
