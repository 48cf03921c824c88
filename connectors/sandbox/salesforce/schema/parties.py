"""
Lead, Contact and Account: who is sold to. Required on create: Lead LastName and Company, Contact LastName, Account
Name.
"""

from connectors.sandbox.salesforce.schema.field import (
    Field,
    address,
    area,
    column,
    day,
    email,
    flag,
    identity,
    moment,
    money,
    number,
    owner,
    person_name,
    phone,
    pick,
    ref,
    seen,
    shown,
    stamps,
    table,
    text,
    url,
    whole_number,
)

SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
INDUSTRIES = (
    *("Agriculture", "Apparel", "Banking", "Biotechnology", "Chemicals", "Communications", "Construction", "Consulting"),
    *("Education", "Electronics", "Energy", "Engineering", "Entertainment", "Environmental", "Finance", "Food & Beverage"),
    *("Government", "Healthcare", "Hospitality", "Insurance", "Machinery", "Manufacturing", "Media", "Not For Profit"),
    *("Recreation", "Retail", "Shipping", "Technology", "Telecommunications", "Transportation", "Utilities", "Other"),
)
CLEAN = ("Matched", "Different", "Acknowledged", "NotFound", "Inactive", "Pending", "SelectMatch", "Skipped")
RATINGS = ("Hot", "Warm", "Cold")
LEAD_STATUS = ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")


def _master(name: str) -> Field:
    return shown(ref("MasterRecordId", name, label="Master Record ID"))


def _clean_status() -> Field:
    return pick("CleanStatus", *CLEAN, restricted=True)


def _photo() -> Field:
    return shown(url("PhotoUrl", label="Photo URL", extra="imageurl"))


def _jigsaw(name: str) -> list[Field]:
    key = shown(text(name, 20, label=f"{name[:-2].replace('Jigsaw', 'Jigsaw ')} ID", relationship=name[:-2]))
    return [text("Jigsaw", 20, label="Data.com Key"), key]


def _bounces() -> list[Field]:
    return [text("EmailBouncedReason", 255), moment("EmailBouncedDate")]


def _consent() -> list[Field]:
    return [flag("HasOptedOutOfEmail", label="Email Opt Out"), flag("DoNotCall", label="Do Not Call")]


LEAD = table(
    "Lead",
    "00Q",
    [
        *identity("Lead"),
        _master("Lead"),
        *person_name(),
        text("Title", 128),
        text("Company", 255, nillable=False),
        *address(),
        phone("Phone"),
        phone("MobilePhone"),
        phone("Fax"),
        email("Email", id_lookup=True),
        url("Website"),
        _photo(),
        area("Description", 32000),
        pick("LeadSource", *SOURCES),
        pick("Status", *LEAD_STATUS, nillable=False, defaulted=True, default=LEAD_STATUS[0]),
        pick("Industry", *INDUSTRIES),
        pick("Rating", *RATINGS),
        money("AnnualRevenue"),
        whole_number("NumberOfEmployees", label="Employees"),
        owner("Group", "User"),
        *_consent(),
        flag("IsConverted", label="Converted", updateable=False),
        shown(day("ConvertedDate")),
        shown(ref("ConvertedAccountId", "Account", label="Converted Account ID")),
        shown(ref("ConvertedContactId", "Contact", label="Converted Contact ID")),
        shown(ref("ConvertedOpportunityId", "Opportunity", label="Converted Opportunity ID")),
        flag("IsUnreadByOwner", label="Unread By Owner"),
        *stamps(),
        shown(day("LastActivityDate", label="Last Activity")),
        *seen(),
        *_jigsaw("JigsawContactId"),
        _clean_status(),
        text("CompanyDunsNumber", 9, label="Company D-U-N-S Number"),
        ref("DandbCompanyId", "DandBCompany", label="D&B Company ID"),
        *_bounces(),
        ref("IndividualId", "Individual", label="Individual ID"),
    ],
    mergeable=True,
    children=(("Task", "WhoId", "Tasks"), ("CampaignMember", "LeadId", "CampaignMembers")),
)

CONTACT = table(
    "Contact",
    "003",
    [
        *identity("Contact"),
        _master("Contact"),
        ref("AccountId", "Account", label="Account ID"),
        *person_name(),
        *address("Other"),
        *address("Mailing"),
        phone("Phone", label="Business Phone"),
        phone("Fax", label="Business Fax"),
        phone("MobilePhone"),
        phone("HomePhone"),
        phone("OtherPhone"),
        phone("AssistantPhone", label="Asst. Phone"),
        ref("ReportsToId", "Contact", label="Reports To ID"),
        email("Email", id_lookup=True),
        text("Title", 128),
        text("Department"),
        text("AssistantName", 40, label="Assistant's Name"),
        pick("LeadSource", *SOURCES),
        day("Birthdate"),
        area("Description", 32000, label="Contact Description"),
        owner(),
        *_consent(),
        *stamps(),
        shown(day("LastActivityDate", label="Last Activity")),
        shown(moment("LastCURequestDate", label="Last Stay-in-Touch Request Date")),
        shown(moment("LastCUUpdateDate", label="Last Stay-in-Touch Save Date")),
        *seen(),
        *_bounces(),
        shown(flag("IsEmailBounced", label="Is Email Bounced")),
        _photo(),
        *_jigsaw("JigsawContactId"),
        _clean_status(),
        ref("IndividualId", "Individual", label="Individual ID"),
    ],
    mergeable=True,
    children=(("Task", "WhoId", "Tasks"), ("CampaignMember", "ContactId", "CampaignMembers")),
)

ACCOUNT_TYPES = (
    "Prospect",
    "Customer - Direct",
    "Customer - Channel",
    "Channel Partner / Reseller",
    "Installation Partner",
    "Technology Partner",
    "Other",
)

ACCOUNT = table(
    "Account",
    "001",
    [
        *identity("Account"),
        _master("Account"),
        text(
            "Name", 255, label="Account Name", nillable=False, name_field=True, compound="Name", extra="switchablepersonname"
        ),
        pick("Type", *ACCOUNT_TYPES, label="Account Type"),
        ref("ParentId", "Account", label="Parent Account ID"),
        *address("Billing"),
        *address("Shipping"),
        phone("Phone", label="Account Phone"),
        phone("Fax", label="Account Fax"),
        text("AccountNumber", 40),
        url("Website"),
        _photo(),
        text("Sic", 20, label="SIC Code"),
        pick("Industry", *INDUSTRIES),
        money("AnnualRevenue"),
        whole_number("NumberOfEmployees", label="Employees"),
        pick("Ownership", "Public", "Private", "Subsidiary", "Other"),
        text("TickerSymbol", 20),
        area("Description", 32000, label="Account Description"),
        pick("Rating", *RATINGS, label="Account Rating"),
        text("Site", label="Account Site"),
        owner(),
        *stamps(),
        shown(day("LastActivityDate", label="Last Activity")),
        *seen(),
        *_jigsaw("JigsawCompanyId"),
        _clean_status(),
        pick("AccountSource", *SOURCES),
        text("DunsNumber", 9, label="D-U-N-S Number"),
        text("Tradestyle", 255),
        text("NaicsCode", 8, label="NAICS Code"),
        text("NaicsDesc", 120, label="NAICS Description"),
        text("YearStarted", 4),
        text("SicDesc", label="SIC Description"),
        ref("DandbCompanyId", "DandBCompany", label="D&B Company ID"),
        ref("OperatingHoursId", "OperatingHours", label="Operating Hour ID"),
    ],
    mergeable=True,
    children=(
        ("Contact", "AccountId", "Contacts"),
        ("Opportunity", "AccountId", "Opportunities"),
        ("Task", "WhatId", "Tasks"),
    ),
)

# Shown only in an org with person accounts: the account row is the person, its contact row mirrors it.
PERSON_ACCOUNT = (
    shown(flag("IsPersonAccount", label="Is Person Account")),
    text("LastName", extra="personname"),
    text("FirstName", 40, extra="personname"),
    shown(ref("PersonContactId", "Contact", label="Contact ID")),
    email("PersonEmail", label="Email", id_lookup=True),
    text("PersonTitle", label="Title"),
    phone("PersonMobilePhone", label="Mobile"),
    flag("PersonHasOptedOutOfEmail", label="Email Opt Out"),
)
PERSON_CONTACT = (shown(flag("IsPersonAccount", label="Is Person Account")),)

# Row of the pseudo object behind Owner, Who and What: what a query may ask across a polymorphic reference.
NAME = table(
    "Name",
    "",
    [
        column("Id", "id", 18, nillable=False),
        text("Name", 255, name_field=True),
        text("FirstName", 40),
        text("LastName"),
        text("Alias", 8),
        email("Email"),
        flag("IsActive"),
        phone("Phone"),
        text("Title", 128),
        text("Type", 255),
        text("Username"),
        number("NumberOfEmployees"),
    ],
    createable=False,
    updateable=False,
    deletable=False,
)
