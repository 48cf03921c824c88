"""
The standard objects of an org as data: names, types, lengths and who may write what. Custom fields live in the org,
not here.
"""
