"""
Where expressions run: DuckDB in memory, with limits on memory and threads; Arrow comes out.

Decided here: the session (UTC, no extensions, nothing attached, spills into a folder of its own), how files and Arrow tables
become tables, and that a cursor is read to its end or closed. Not decided here: what is computed (the core).
"""

from worker.engine.difference import changed as changed
from worker.engine.engine import Engine as Engine
from worker.engine.recipes import Recipe as Recipe
