"""Keeping an installation well: what doctor asks, what alerts rest on, what the store forgets, which settings are active."""
