"""Pages to look at: what a rep, a queue or a partner sees in either sandbox CRM. They only read."""
