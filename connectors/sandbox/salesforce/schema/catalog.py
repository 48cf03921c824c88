"""All standard objects by name and by key prefix."""

from collections.abc import Mapping

from connectors.sandbox.salesforce.schema import parties, selling, setup
from connectors.sandbox.salesforce.schema.field import SObject

OBJECTS: Mapping[str, SObject] = {
    each.name: each
    for each in (
        parties.ACCOUNT,
        parties.CONTACT,
        parties.LEAD,
        selling.TASK,
        selling.OPPORTUNITY,
        selling.CONTACT_ROLE,
        selling.CAMPAIGN,
        selling.CAMPAIGN_MEMBER,
        selling.TOPIC,
        selling.TOPIC_ASSIGNMENT,
        setup.USER,
        setup.GROUP,
        setup.GROUP_MEMBER,
        setup.QUEUE_OBJECT,
        setup.PROFILE,
        setup.ORGANIZATION,
        setup.PERMISSION_SET,
        setup.FIELD_PERMISSIONS,
        setup.PERMISSION_SET_ASSIGNMENT,
        setup.LIST_VIEW,
        setup.CUSTOM_FIELD,
    )
}
PREFIXES: Mapping[str, str] = {each.prefix: each.name for each in OBJECTS.values()}
ACTIVITIES = ("Task",)  # what a custom field of Activity appears on


def holder(name: str) -> str:
    """Return the object whose custom fields this one shows: a task shows those of Activity."""
    return "Activity" if name in ACTIVITIES else name
