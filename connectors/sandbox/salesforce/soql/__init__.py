"""
SOQL: text to a checked query, a query to records. The subset is said in `parse`; what lies outside it is refused by
name.
"""
