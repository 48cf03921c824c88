"""The properties a new portal has, as the properties API shows them. Custom ones live in state."""

from collections.abc import Iterable, Mapping
from typing import Any

BORN = "2020-01-01T00:00:00Z"
STAGES = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)
LEAD_STATUS = ("NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED", "BAD_TIMING")
DEAL_STAGES = [
    "appointmentscheduled",
    "qualifiedtobuy",
    "presentationscheduled",
    "decisionmakerboughtin",
    "contractsent",
    "closedwon",
    "closedlost",
]
TASK_STATUS = ("NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED")
BOOLEAN = ("true", "false")

# name: type, then the options; a leading ! marks what only HubSpot writes
Table = Mapping[str, str | tuple[str, tuple[str, ...]]]
OURS: Table = {"hubspot_owner_id": "owner", "hubspot_team_id": "!string", "notes_last_contacted": "!datetime"}
EVERYWHERE: Table = {
    "hs_object_id": "!number",
    "hs_merged_object_ids": "!string",
    "hs_createdate": "!datetime",
    "hs_lastmodifieddate": "!datetime",
    "hubspot_owner_assigneddate": "!datetime",
}
TABLES: Mapping[str, Table] = {
    "contact": {
        **dict.fromkeys(
            [
                "email",
                "firstname",
                "lastname",
                "phone",
                "mobilephone",
                "company",
                "jobtitle",
                "website",
                "address",
                "city",
                "state",
                "zip",
            ],
            "string",
        ),
        **dict.fromkeys(
            [
                "country",
                "industry",
                "message",
                "hs_language",
                "salutation",
                "twitterhandle",
                "annualrevenue",
                "numemployees",
            ],
            "string",
        ),
        **dict.fromkeys(("hs_additional_emails", "hs_email_domain", "hs_all_contact_vids", "hs_pipeline"), "!string"),
        **dict.fromkeys(("createdate", "lastmodifieddate"), "!datetime"),
        **dict.fromkeys(("closedate", "notes_last_updated", "hs_last_sales_activity_timestamp"), "datetime"),
        "hs_is_contact": "!bool",
        "hs_is_unworked": "!bool",
        "num_associated_deals": "!number",
        "hs_email_optout": "bool",
        "lifecyclestage": ("enumeration", STAGES),
        "hs_lead_status": ("enumeration", LEAD_STATUS),
        "associatedcompanyid": "number",
        **OURS,
    },
    "company": {
        **dict.fromkeys(
            [
                "name",
                "domain",
                "website",
                "phone",
                "address",
                "city",
                "state",
                "zip",
                "country",
                "industry",
                "description",
                "twitterhandle",
            ],
            "string",
        ),
        **dict.fromkeys(("numberofemployees", "annualrevenue", "facebookfans", "founded_year"), "number"),
        **dict.fromkeys(("closedate", "notes_last_updated", "hs_last_sales_activity_timestamp"), "datetime"),
        "createdate": "!datetime",
        "num_associated_contacts": "!number",
        "num_associated_deals": "!number",
        "lifecyclestage": ("enumeration", STAGES),
        "hs_lead_status": ("enumeration", LEAD_STATUS),
        "type": ("enumeration", ("PROSPECT", "PARTNER", "RESELLER", "VENDOR", "OTHER")),
        **OURS,
    },
    "deal": {
        **dict.fromkeys(("dealname", "description"), "string"),
        "pipeline": ("enumeration", ("default",)),
        "dealstage": ("enumeration", tuple(DEAL_STAGES)),
        "dealtype": ("enumeration", ("newbusiness", "existingbusiness")),
        "amount": "number",
        "closedate": "datetime",
        "createdate": "!datetime",
        "hs_is_closed": "!bool",
        "hs_is_closed_won": "!bool",
        **OURS,
    },
    "task": {
        "hs_timestamp": "datetime",
        **dict.fromkeys(("hs_task_subject", "hs_task_body", "hs_queue_membership_ids", "hs_task_reminders"), "string"),
        "hs_task_status": ("enumeration", TASK_STATUS),
        "hs_task_priority": ("enumeration", ("NONE", "LOW", "MEDIUM", "HIGH")),
        "hs_task_type": ("enumeration", ("TODO", "EMAIL", "CALL", "LINKED_IN_MESSAGE")),
        "hs_task_completion_date": "datetime",
        "hs_task_is_completed": "!bool",
        "hs_body_preview": "!string",
        **OURS,
    },
    "note": {"hs_timestamp": "datetime", "hs_note_body": "string", "hs_attachment_ids": "string", **OURS},
    "lead": {
        "hs_lead_name": "string",
        "hs_lead_type": ("enumeration", ("NEW_BUSINESS", "RE_ATTEMPTING", "UPSELL")),
        "hs_lead_label": ("enumeration", ("HOT", "WARM", "COLD")),
        "hs_pipeline": "string",
        "hs_pipeline_stage": "string",
        **OURS,
    },
}
FIELD_TYPES: Mapping[str, tuple[str, ...]] = {
    "string": ("text", "textarea", "html", "file", "phonenumber", "select"),
    "phone_number": ("phonenumber", "text"),
    "number": ("number", "text", "calculation_equation"),
    "bool": ("booleancheckbox", "calculation_equation"),
    "date": ("date",),
    "datetime": ("date",),
    "enumeration": ("select", "radio", "checkbox", "booleancheckbox"),
}


def standard(kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties that every portal has for this object, by name."""
    table: Table = {**EVERYWHERE, **TABLES.get(kind, OURS)}
    return {name: _property(name, f"{kind}information", says) for name, says in table.items()}


def options(values: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"label": value.replace("_", " ").capitalize(), "value": value, "displayOrder": place, "hidden": False}
        for place, value in enumerate(values)
    ]


def _property(name: str, group: str, says: str | tuple[str, tuple[str, ...]]) -> dict[str, Any]:
    word, values = (says, ()) if isinstance(says, str) else says
    written_by_hubspot = word.startswith("!")
    word = word.lstrip("!")
    owner = word == "owner"
    kind = "enumeration" if owner else word
    if kind == "bool":
        values = BOOLEAN
    body: dict[str, Any] = {
        "name": name,
        "label": name.removeprefix("hs_").replace("_", " ").capitalize(),
        "type": kind,
        "fieldType": "select" if kind == "enumeration" else FIELD_TYPES[kind][0],
        "description": "",
        "groupName": group,
        "options": options(values),
        "displayOrder": -1,
        "calculated": False,
        "externalOptions": owner,
        "hasUniqueValue": name == "hs_object_id",
        "hidden": False,
        "hubspotDefined": True,
        "archived": False,
        "formField": not written_by_hubspot,
        "modificationMetadata": {
            "archivable": False,
            "readOnlyDefinition": True,
            "readOnlyValue": written_by_hubspot,
        },
        "createdAt": BORN,
        "updatedAt": BORN,
    }
    return {**body, "referencedObjectType": "OWNER"} if owner else body
