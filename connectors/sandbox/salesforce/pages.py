"""
Pages to look at: what a rep would see of the sandbox org, without a style of its own.

Decided here: `/` counts, `/o/{Object}` lists, `/{id}` shows a record with its tasks. All text is escaped; nothing
here writes.
"""

from collections.abc import Iterable
from html import escape
from typing import Any

from connectors.sandbox.salesforce.ids import whole
from connectors.sandbox.salesforce.org import Org
from connectors.sandbox.state import Row

LISTED = ("Lead", "Contact", "Account", "Opportunity", "Task", "User", "Group")
MOST = 200


def page(org: Org, path: str) -> str | None:
    """Return the page of a path, None where there is none."""
    parts = [part for part in path.split("/") if part]
    if not parts:
        return _frame("Sandbox Salesforce", _home(org))
    if len(parts) == 2 and parts[0] == "o" and parts[1] in LISTED:
        return _frame(parts[1], _list(org, parts[1]))
    row = org.row(parts[0]) if len(parts) == 1 and whole(parts[0]) else None
    return _frame(_name(org, row), _record(org, row)) if row else None


def _frame(title: str, body: str) -> str:
    told = escape(title)
    return f"<!doctype html><meta charset=utf-8><title>{told}</title><a href='/'>Home</a><h1>{told}</h1>{body}"


def _home(org: Org) -> str:
    return _table(
        ("Object", "Records"), ((f"<a href='/o/{name}'>{name}</a>", str(org.state.count(name))) for name in LISTED)
    )


def _list(org: Org, name: str) -> str:
    rows = org.state.listing(name, limit=MOST)
    return _table(
        ("Name", "Owner", "Last modified"),
        ((_link(org, row), _owner(org, row), _cell(org, row, "LastModifiedDate")) for row in rows),
    )


def _record(org: Org, row: Row) -> str:
    filled = ((escape(name), _value(org, value)) for name, value in org.shown(row).items() if value not in (None, False))
    sobject = org.sobject("Task")
    tasks = [task for name in ("WhoId", "WhatId") for task in org.find(sobject, sobject.fields[name], row.id)]
    lines = ((_link(org, task), _cell(org, task, "Status"), _owner(org, task)) for task in tasks)
    return _table(("Field", "Value"), filled) + (
        "<h2>Tasks</h2>" + _table(("Subject", "Status", "Owner"), lines) if tasks else ""
    )


def _name(org: Org, row: Row) -> str:
    fields = org.sobject(row.object).fields
    named = next((name for name in ("Name", "Subject") if name in fields), "Id")
    return str(org.value(row, fields[named]) or row.id)


def _link(org: Org, row: Row) -> str:
    return f"<a href='/{row.id}'>{escape(_name(org, row))}</a>"


def _owner(org: Org, row: Row) -> str:
    owner = org.row(str(row.properties.get("OwnerId", "")))
    return _link(org, owner) if owner else ""


def _cell(org: Org, row: Row, name: str) -> str:
    field = org.sobject(row.object).find(name)
    return escape(str(org.value(row, field) or "")) if field else ""


def _value(org: Org, value: Any) -> str:
    row = org.row(value) if isinstance(value, str) and whole(value) else None
    return _link(org, row) if row else escape(str(value)).replace("\n", "<br>")


def _table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    top = "".join(f"<th>{escape(name)}" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}" for cell in line) for line in lines)
    return f"<table border=1><tr>{top}{body}</table>"
