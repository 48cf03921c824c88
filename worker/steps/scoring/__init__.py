"""
From the lake and the mirror to one row per lead and account, kept in the engine.

Decided here: which days are folded once and for all, which records are matched, in which order the pieces are joined. Not
decided here: what a signal, a score or a match is (the core). Nothing is written but roll-ups.
"""
