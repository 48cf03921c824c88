"""Users, queues, permissions and the org itself: who acts and what they may see."""

from connectors.sandbox.salesforce.schema.field import (
    Field,
    area,
    column,
    email,
    flag,
    identity,
    moment,
    pick,
    ref,
    shown,
    stamps,
    table,
    text,
    url,
)

KEEP = {"createable": False, "updateable": False, "deletable": False}


def _key(label: str) -> list[Field]:
    return [each for each in identity(label) if each.name == "Id"]


USER = table(
    "User",
    "005",
    [
        *_key("User"),
        text("Username", nillable=False, id_lookup=True, unique=True),
        text("LastName", nillable=False),
        text("FirstName", 40),
        shown(text("Name", 121, label="Full Name", nillable=False, name_field=True)),
        text("CompanyName"),
        text("Division"),
        text("Department"),
        text("Title"),
        email("Email", nillable=False, id_lookup=True),
        text("Alias", 8, nillable=False),
        flag("IsActive", label="Active"),
        pick(
            "TimeZoneSidKey",
            "Europe/Berlin",
            "America/New_York",
            "America/Los_Angeles",
            "GMT",
            label="Time Zone",
            nillable=False,
        ),
        pick("LocaleSidKey", "en_US", "en_GB", "de_DE", label="Locale", nillable=False),
        pick("EmailEncodingKey", "UTF-8", "ISO-8859-1", label="Email Encoding", nillable=False),
        pick("LanguageLocaleKey", "en_US", "de", label="Language", nillable=False),
        ref("ProfileId", "Profile", label="Profile ID", nillable=False),
        ref("ManagerId", "User", label="Manager ID"),
        shown(
            pick(
                "UserType",
                "Standard",
                "PowerPartner",
                "CspLitePortal",
                "CustomerSuccess",
                "AutomatedProcess",
                label="User Type",
            )
        ),
        shown(moment("LastLoginDate", label="Last Login")),
        *stamps(),
        text("FederationIdentifier", 512, label="SAML Federation ID"),
        url("SmallPhotoUrl", createable=False, updateable=False, label="Small Photo"),
    ],
    deletable=False,
)

GROUP = table(
    "Group",
    "00G",
    [
        *_key("Group"),
        text("Name", 40, nillable=False, name_field=True),
        text("DeveloperName"),
        shown(ref("RelatedId", "User", "UserRole", label="Related ID")),
        pick("Type", "Regular", "Queue", "Role", "RoleAndSubordinates", "Organization", nillable=False, updateable=False),
        email("Email"),
        shown(ref("OwnerId", "Organization", "User", label="Owner ID")),
        flag("DoesSendEmailToMembers", label="Send Email to Members"),
        flag("DoesIncludeBosses", label="Include Bosses"),
        *stamps(),
    ],
)

GROUP_MEMBER = table(
    "GroupMember",
    "011",
    [
        *_key("Group Member"),
        ref("GroupId", "Group", label="Group ID", nillable=False, updateable=False),
        ref("UserOrGroupId", "Group", "User", label="User/Group ID", nillable=False, updateable=False),
        *(each for each in stamps() if each.name == "SystemModstamp"),
    ],
    updateable=False,
)

QUEUE_OBJECT = table(
    "QueueSobject",
    "03g",
    [
        *_key("Queue Sobject"),
        ref("QueueId", "Group", label="Group ID", nillable=False, updateable=False),
        pick("SobjectType", "Case", "Lead", "Order", "Task", label="Sobject Type", nillable=False, updateable=False),
        shown(ref("CreatedById", "User", label="Created By ID")),
    ],
    updateable=False,
)

PROFILE = table(
    "Profile",
    "00e",
    [*_key("Profile"), text("Name", 255, nillable=False, name_field=True), *stamps()],
    **KEEP,
)

ORGANIZATION = table(
    "Organization",
    "00D",
    [
        *_key("Organization"),
        text("Name", nillable=False, name_field=True),
        text("OrganizationType", 40, label="Edition"),
        text("InstanceName", 5),
        flag("IsSandbox"),
        text("TimeZoneSidKey", 40, label="Time Zone"),
        text("DefaultLocaleSidKey", 40, label="Locale"),
        *stamps(),
    ],
    **KEEP,
)

PERMISSION_SET = table(
    "PermissionSet",
    "0PS",
    [
        *_key("Permission Set"),
        text("Name", nillable=False, name_field=True, unique=True),
        text("Label", nillable=False),
        area("Description", 255),
        flag("IsOwnedByProfile", createable=False, updateable=False),
        flag("IsCustom", createable=False, updateable=False),
        ref("ProfileId", "Profile", label="Profile ID", createable=False, updateable=False),
        *stamps(),
    ],
)

FIELD_PERMISSIONS = table(
    "FieldPermissions",
    "01k",
    [
        *_key("Field Permissions"),
        ref("ParentId", "PermissionSet", label="Parent ID", nillable=False, updateable=False),
        text("SobjectType", 40, label="Sobject Type Name", nillable=False, updateable=False),
        text("Field", 255, label="Field Name", nillable=False, updateable=False),
        flag("PermissionsEdit", label="Edit Field"),
        flag("PermissionsRead", label="Read Field"),
        *(each for each in stamps() if each.name == "SystemModstamp"),
    ],
)

PERMISSION_SET_ASSIGNMENT = table(
    "PermissionSetAssignment",
    "0Pa",
    [
        *_key("PermissionSetAssignment"),
        ref("PermissionSetId", "PermissionSet", label="PermissionSet ID", nillable=False, updateable=False),
        ref("AssigneeId", "User", label="Assignee ID", nillable=False, updateable=False),
        *(each for each in stamps() if each.name == "SystemModstamp"),
    ],
    updateable=False,
)

# Readable by REST, made by the Metadata API alone.
LIST_VIEW = table(
    "ListView",
    "00B",
    [
        *identity("List View"),
        text("Name", nillable=False, name_field=True),
        text("DeveloperName", nillable=False),
        text("SobjectType", 40),
        flag("IsSoqlCompatible"),
        *stamps(),
    ],
    **KEEP,
)

CUSTOM_FIELD = table(
    "CustomField",
    "00N",
    [
        *_key("Custom Field Definition"),
        text("DeveloperName", nillable=False, name_field=True),
        text("TableEnumOrId", 40, label="Entity Enumeration Or ID"),
        text("FullName", 255),
        column("Metadata", "complexvalue"),
        text("NamespacePrefix", 15),
        *stamps(),
    ],
    tooling=True,
)
