"""HubSpot and Salesforce at the wire on loopback, to rehearse settings and to test against real HTTP and real faults."""
