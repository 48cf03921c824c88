"""Conditions: a SQL boolean expression, checked against an allow-list, as a typed tree. Nothing here evaluates."""
