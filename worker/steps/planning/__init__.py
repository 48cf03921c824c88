"""
From decisions to what every record and task should be, and into the store as wanted.

Decided here: what a plan wishes, what holds it, and that it is committed before anything is sent. No CRM is called.
"""
