"""Both official clients talk to the sandbox HubSpot unchanged."""

from collections.abc import Iterator

import hubspot_sdk
import pytest
from hubspot import HubSpot

TASK_TO_CONTACT = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204}]


@pytest.fixture
def client(hubspot) -> Iterator[HubSpot]:
    import gc

    yield HubSpot(access_token=hubspot.token, host=hubspot.url, retry=False, client_side_validation=True)
    gc.collect()


@pytest.fixture
def sdk(hubspot) -> Iterator[hubspot_sdk.HubSpot]:
    with hubspot_sdk.HubSpot(
        access_token=hubspot.token, base_url=hubspot.url, max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


def people(count: int, **more) -> dict:
    return {"inputs": [{"properties": {"email": f"u{i}@nordwerk.de", **more}, "associations": []} for i in range(count)]}


def test_the_client_creates_reads_updates_and_archives_contacts_in_batches(hubspot, client):
    api = client.crm.contacts.batch_api
    made = api.create(people(3, firstname="Ada"))
    ids = [one.id for one in made.results]
    api.update({"inputs": [{"id": ids[0], "properties": {"firstname": "Grace"}}]})
    read = api.read({"inputs": [{"id": one} for one in ids], "properties": ["firstname"], "propertiesWithHistory": []})
    api.archive({"inputs": [{"id": ids[1]}]})

    assert sorted(one.properties["firstname"] for one in read.results) == ["Ada", "Ada", "Grace"]
    assert len(client.crm.contacts.basic_api.get_page(limit=10).results) == 2
    assert [one["op"] for one in hubspot.ledger()] == ["create", "create", "create", "update", "archive"]


def test_the_client_upserts_by_email_and_learns_what_is_new(client):
    api = client.crm.contacts.batch_api
    api.create(people(1))
    inputs = [{"id": f"u{i}@nordwerk.de", "idProperty": "email", "properties": {"lastname": "B"}} for i in range(2)]

    assert {one.properties["email"]: one.new for one in api.upsert({"inputs": inputs}).results if one.new} == {
        "u1@nordwerk.de": True
    }


def test_the_client_walks_pages_of_companies(client):
    api = client.crm.companies
    api.batch_api.create({"inputs": [{"properties": {"domain": f"c{i}.io"}, "associations": []} for i in range(7)]})

    first = api.basic_api.get_page(limit=5, properties=["domain"])
    rest = api.basic_api.get_page(limit=5, properties=["domain"], after=first.paging.next.after)
    assert [one.properties["domain"] for one in first.results + rest.results] == [f"c{i}.io" for i in range(7)]


def test_the_client_creates_a_task_on_a_contact_and_finds_it_by_its_unique_key(hubspot, client):
    client.crm.properties.core_api.create(
        "tasks",
        {
            "name": "pql_task_key",
            "label": "PQL task key",
            "groupName": "taskinformation",
            "type": "string",
            "fieldType": "text",
            "hasUniqueValue": True,
        },
    )
    contact = client.crm.contacts.basic_api.create({"properties": {"email": "a@b.co"}, "associations": []})
    properties = {"hs_task_subject": "Call", "hs_timestamp": "2026-11-23T10:00:00Z", "pql_task_key": "k1"}
    tasks = client.crm.objects.tasks
    tasks.batch_api.create(
        {"inputs": [{"properties": properties, "associations": [{"to": {"id": contact.id}, "types": TASK_TO_CONTACT}]}]}
    )

    found = tasks.basic_api.get_by_id("k1", id_property="pql_task_key", associations=["contacts"])
    assert found.associations["contacts"].results[0].id == contact.id
    linked = client.crm.associations.v4.basic_api.get_page("contacts", contact.id, "tasks")
    assert [one.to_object_id for one in linked.results] == [found.id]


def test_the_client_lists_owners(hubspot, client):
    hubspot.seed(owners=[{"email": "ana@acme.com", "name": "Ana Lopez"}, {"email": "tom@acme.com", "active": False}])

    assert [one.email for one in client.crm.owners.owners_api.get_page().results] == ["ana@acme.com"]
    assert [one.user_id for one in client.crm.owners.owners_api.get_page(archived=True).results] == [None]
    assert client.crm.owners.owners_api.get_by_id(700001).first_name == "Ana"


def test_the_client_provisions_groups_and_properties(client):
    client.crm.properties.groups_api.create("contacts", {"name": "pql", "label": "PQL"})
    inputs = [
        {"name": f"pql_{i}", "label": str(i), "groupName": "pql", "type": "number", "fieldType": "number"} for i in range(3)
    ]

    assert len(client.crm.properties.batch_api.create("contacts", {"inputs": inputs}).results) == 3
    assert client.crm.properties.core_api.get_by_name("contacts", "pql_2").type == "number"


def test_the_client_searches(client):
    client.crm.contacts.batch_api.create(people(3))
    body = {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "EQ", "value": "u1@nordwerk.de"}]}]}

    assert (
        client.crm.contacts.search_api.do_search({**body, "limit": 10, "after": "0", "sorts": [], "properties": []}).total
        == 1
    )


def test_the_client_associates_in_batches(client):
    contact = client.crm.contacts.basic_api.create({"properties": {"email": "a@b.co"}, "associations": []})
    company = client.crm.companies.basic_api.create({"properties": {"domain": "b.co"}, "associations": []})
    api = client.crm.associations.v4.batch_api
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
    api.create(
        "contacts",
        "companies",
        {"inputs": [{"_from": {"id": contact.id}, "from": {"id": contact.id}, "to": {"id": company.id}, "types": types}]},
    )

    read = api.get_page("companies", "contacts", {"inputs": [{"id": company.id}]})
    assert read.results[0].to[0].to_object_id == contact.id


def test_the_successor_client_reads_strictly_what_the_sandbox_answers(hubspot, sdk):
    hubspot.seed(owners=[{"email": "ana@acme.com"}])
    contacts = sdk.crm.objects.contacts
    made = contacts.create(properties={"email": "a@b.co"}, associations=[])
    contacts.update(made.id, properties={"firstname": "Ada"})

    assert contacts.get(made.id, properties=["firstname"]).properties["firstname"] == "Ada"
    assert [one.id for one in contacts.list(properties=["firstname"])] == [made.id]
    batch = contacts.batch.upsert(inputs=[{"id": "z@b.co", "id_property": "email", "properties": {"lastname": "Z"}}])
    assert batch.results[0].new
    assert sdk.crm.owners.list().results[0].email == "ana@acme.com"


def test_the_successor_client_handles_companies_and_tasks(sdk):
    company = sdk.crm.objects.companies.create(properties={"domain": "b.co"}, associations=[])
    inputs = [
        {"properties": {"hs_task_subject": "x", "hs_timestamp": "1795000000000"}, "associations": []} for _ in range(2)
    ]
    tasks = sdk.crm.objects.tasks.batch.create(inputs=inputs)

    assert company.properties["website"] == "b.co"
    assert {one.properties["hs_task_status"] for one in tasks.results} == {"NOT_STARTED"}
    sdk.crm.objects.tasks.delete(tasks.results[0].id)
    assert len(list(sdk.crm.objects.tasks.list())) == 1
