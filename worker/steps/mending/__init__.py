"""
Afterwards: read back whether a CRM still holds what it acknowledged, and restore what a run replaced.

Decided here: what is repaired and what is only told. It is written through sending, like everything else.
"""
