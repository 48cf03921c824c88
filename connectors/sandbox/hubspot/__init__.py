"""The sandbox's HubSpot: what api.hubapi.com answers for the objects that pqlsync uses."""
