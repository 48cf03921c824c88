"""When a call may be made: slots shared by all who call one CRM account, and the periods of holding and waiting."""
