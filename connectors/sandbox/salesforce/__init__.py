"""The sandbox Salesforce: the REST interface of an org on loopback, with its refusals, its quirks and its memory."""
