"""
Who is a PQL at an instant, what people answered about them, and to whom each goes.

Not decided here: the rules themselves (the core), what is written because of them (planning). Nothing is written.
"""
