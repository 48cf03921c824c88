"""Task, Opportunity and campaigns: what people do about leads, and what came of it."""

from connectors.sandbox.salesforce.schema.field import (
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
    phone,
    pick,
    ref,
    seen,
    shown,
    stamps,
    table,
    text,
    whole_number,
)
from connectors.sandbox.salesforce.schema.parties import SOURCES

TASK_STATUS = ("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred")
STAGES = (
    *("Prospecting", "Qualification", "Needs Analysis", "Value Proposition", "Id. Decision Makers"),
    *("Perception Analysis", "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost"),
)
PROBABILITY = dict(zip(STAGES, (10, 10, 20, 50, 60, 70, 75, 90, 100, 0), strict=True))

TASK = table(
    "Task",
    "00T",
    [
        *identity("Activity"),
        ref("WhoId", "Contact", "Lead", label="Name ID"),
        ref("WhatId", "Account", "Campaign", "Opportunity", label="Related To ID"),
        shown(whole_number("WhoCount", label="Relation Count")),
        shown(whole_number("WhatCount", label="Related To Count")),
        column("Subject", "combobox", 255, values=("Call", "Send Letter", "Send Quote", "Other")),
        day("ActivityDate", label="Due Date Only"),
        pick("Status", *TASK_STATUS, nillable=False, defaulted=True, default=TASK_STATUS[0]),
        pick("Priority", "High", "Normal", "Low", nillable=False, defaulted=True, default="Normal"),
        shown(flag("IsHighPriority", label="High Priority")),
        owner("Group", "User", label="Assigned To ID"),
        area("Description", 32000, label="Full Comments"),
        shown(ref("AccountId", "Account", label="Account ID")),
        shown(flag("IsClosed", label="Closed")),
        *stamps(),
        shown(flag("IsArchived", label="Archived")),
        whole_number("CallDurationInSeconds", label="Call Duration"),
        pick("CallType", "Internal", "Inbound", "Outbound"),
        text("CallDisposition", 255, label="Call Result"),
        text("CallObject", 255, label="Call Object Identifier"),
        moment("ReminderDateTime", label="Reminder Date/Time"),
        flag("IsReminderSet", label="Reminder Set"),
        ref("RecurrenceActivityId", "Task", label="Recurrence Activity ID"),
        flag("IsRecurrence", label="Create Recurring Series of Tasks", updateable=False),
        pick("TaskSubtype", "Task", "Email", "ListEmail", "Cadence", "Call", updateable=False, default="Task"),
        shown(moment("CompletedDateTime", label="Completed Date/Time")),
    ],
)

OPPORTUNITY = table(
    "Opportunity",
    "006",
    [
        *identity("Opportunity"),
        ref("AccountId", "Account", label="Account ID"),
        flag("IsPrivate", label="Private"),
        text("Name", 120, nillable=False, name_field=True),
        area("Description", 32000),
        pick("StageName", *STAGES, label="Stage", nillable=False),
        money("Amount"),
        column("Probability", "percent", label="Probability (%)", precision=3),
        shown(money("ExpectedRevenue", label="Expected Amount")),
        number("TotalOpportunityQuantity", label="Quantity", scale=2),
        day("CloseDate", nillable=False),
        pick(
            "Type",
            "Existing Customer - Upgrade",
            "Existing Customer - Replacement",
            "New Customer",
            label="Opportunity Type",
        ),
        text("NextStep", 255),
        pick("LeadSource", *SOURCES),
        shown(flag("IsClosed", label="Closed")),
        shown(flag("IsWon", label="Won")),
        shown(pick("ForecastCategory", "Omitted", "Pipeline", "BestCase", "Forecast", "Closed")),
        pick("ForecastCategoryName", "Omitted", "Pipeline", "Best Case", "Commit", "Closed", label="Forecast Category"),
        ref("CampaignId", "Campaign", label="Campaign ID"),
        flag("HasOpportunityLineItem", createable=False, updateable=False, label="Has Line Item"),
        ref("Pricebook2Id", "Pricebook2", label="Price Book ID"),
        owner(),
        *stamps(),
        shown(day("LastActivityDate", label="Last Activity")),
        shown(moment("LastStageChangeDate")),
        shown(whole_number("FiscalQuarter")),
        shown(whole_number("FiscalYear")),
        shown(text("Fiscal", 6, label="Fiscal Period")),
        ref("ContactId", "Contact", label="Contact ID", updateable=False),
        *seen(),
        shown(flag("HasOpenActivity")),
        shown(flag("HasOverdueTask")),
    ],
)

CONTACT_ROLE = table(
    "OpportunityContactRole",
    "00K",
    [
        *identity("Contact Role"),
        ref("OpportunityId", "Opportunity", label="Opportunity ID", nillable=False, updateable=False),
        ref("ContactId", "Contact", label="Contact ID", nillable=False),
        pick(
            "Role",
            "Business User",
            "Decision Maker",
            "Economic Buyer",
            "Evaluator",
            "Executive Sponsor",
            "Influencer",
            "Other",
        ),
        flag("IsPrimary", label="Primary"),
        *stamps(),
    ],
)

CAMPAIGN = table(
    "Campaign",
    "701",
    [
        *identity("Campaign"),
        text("Name", nillable=False, name_field=True, id_lookup=True),
        ref("ParentId", "Campaign", label="Parent Campaign ID"),
        pick(
            "Type",
            "Conference",
            "Webinar",
            "Trade Show",
            "Partners",
            "Referral Program",
            "Email",
            "Other",
            defaulted=True,
            default="Conference",
        ),
        pick("Status", "Planned", "In Progress", "Completed", "Aborted", defaulted=True, default="Planned"),
        day("StartDate"),
        day("EndDate"),
        money("ExpectedRevenue", label="Expected Revenue in Campaign"),
        money("BudgetedCost", label="Budgeted Cost in Campaign"),
        money("ActualCost", label="Actual Cost in Campaign"),
        column("ExpectedResponse", "percent", label="Expected Response (%)", precision=10, scale=2),
        number("NumberSent", label="Num Sent in Campaign"),
        flag("IsActive", label="Active"),
        area("Description", 32000),
        *(
            shown(whole_number(f"NumberOf{what}", nillable=False, defaulted=True))
            for what in ("Leads", "ConvertedLeads", "Contacts", "Responses", "Opportunities", "WonOpportunities")
        ),
        *(shown(money(f"Amount{what}Opportunities", nillable=False, defaulted=True)) for what in ("All", "Won")),
        owner(),
        *stamps(),
        shown(day("LastActivityDate", label="Last Activity")),
        *seen(),
        ref("CampaignMemberRecordTypeId", "RecordType", label="Record Type ID"),
    ],
)

CAMPAIGN_MEMBER = table(
    "CampaignMember",
    "00v",
    [
        *identity("Campaign Member"),
        ref("CampaignId", "Campaign", label="Campaign ID", nillable=False, updateable=False),
        ref("LeadId", "Lead", label="Lead ID", updateable=False),
        ref("ContactId", "Contact", label="Contact ID", updateable=False),
        pick("Status", "Sent", "Responded", "Accepted", "Converted", defaulted=True, default="Sent"),
        shown(flag("HasResponded", label="Responded")),
        *stamps(),
        shown(day("FirstRespondedDate")),
        shown(text("Name", 255, name_field=True)),
        shown(email("Email")),
        shown(phone("Phone")),
    ],
)

TOPIC = table(
    "Topic",
    "0TO",
    [
        shown(column("Id", "id", 18, label="Topic ID", nillable=False, defaulted=True, id_lookup=True)),
        text("Name", 99, nillable=False, name_field=True, id_lookup=True, unique=True),
        text("Description", 1000),
        *(each for each in stamps() if each.name in ("CreatedDate", "CreatedById")),
        shown(whole_number("TalkingAbout", nillable=False, defaulted=True)),
        *(each for each in stamps() if each.name == "SystemModstamp"),
    ],
)

TOPIC_ASSIGNMENT = table(
    "TopicAssignment",
    "0FT",
    [
        *identity("Topic Assignment"),
        ref("TopicId", "Topic", label="Topic ID", nillable=False, updateable=False),
        ref(
            "EntityId",
            "Account",
            "Campaign",
            "Contact",
            "Lead",
            "Opportunity",
            "Task",
            label="Entity ID",
            nillable=False,
            updateable=False,
        ),
        shown(text("EntityKeyPrefix", 3, label="Record Key Prefix")),
        shown(pick("EntityType", "Account", "Campaign", "Contact", "Lead", "Opportunity", "Task", label="Object Type")),
        *(each for each in stamps() if not each.name.startswith("LastModified")),
    ],
    updateable=False,
)
