"""
From what is wanted to a CRM that holds it, once.

Decided here: what is claimed, read, sent and settled, in which order, and what an answer means for its row. Not decided
here: what is wanted (planning), how fast calls may follow each other (pacing).
"""
