"""
What comes in: events of the sources into the lake, and what is in a CRM into the mirror.

Decided here: how far a pull or a watch has come, and what it notes on the way. Not decided here: what any of it is worth.
"""
