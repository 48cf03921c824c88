"""One Salesforce org: the rooms put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote, urlsplit

from connectors.contract import Budget, Gate, OwnLimit
from connectors.crms.salesforce.bulk import Bulk
from connectors.crms.salesforce.client import Client
from connectors.crms.salesforce.doctor import Check, Doctor
from connectors.crms.salesforce.limits import RESERVE
from connectors.crms.salesforce.mirror import Mirror
from connectors.crms.salesforce.names import OBJECTS
from connectors.crms.salesforce.options import Options
from connectors.crms.salesforce.provisioning import Provisioning
from connectors.crms.salesforce.records import Records
from connectors.crms.salesforce.schema import Schema
from connectors.crms.salesforce.tasks import Tasks
from connectors.fields import Shown
from connectors.reach import Timeouts

CARRIERS: Mapping[str, tuple[str, ...]] = {
    "lead": ("lead", "company"),
    "contact": ("contact", "company"),
    "both": ("contact", "lead", "company"),
}
"""What carries a lead, best first: where a person is both, the contact is the living record."""


class Salesforce:
    """The connector; `close` ends its connections."""

    kind = "salesforce"
    reserve = RESERVE
    own_limits: Mapping[str, OwnLimit] = MappingProxyType({})

    def __init__(self, options: Options, timeouts: Timeouts | None = None) -> None:
        self.objects = CARRIERS[options.object]
        self.creates = "contact" if options.object == "contact" else "lead"
        """The object a new person is made as: a contact without an account would belong to nobody."""
        self._client = Client(options, timeouts)
        self._schema = Schema(self._client)
        self.mirror = Mirror(self._client, self._schema)
        self.records = Records(self._client, self._schema)
        self.bulk = Bulk(self._client, self.records, options.bulk_above)
        self.tasks = Tasks(self._client, self._schema)
        self.provisioning = Provisioning(self._client, self._schema, self.objects)

    def __repr__(self) -> str:
        return f"Salesforce({self._client!r})"

    def close(self) -> None:
        self._client.close()

    @property
    def calls(self) -> int:
        return self._client.calls

    def budget(self) -> Budget:
        return self._client.budget

    def account(self) -> str:
        """The host: each org has one of its own."""
        return urlsplit(self._client.base_url).netloc

    def pass_through(self, gate: Gate) -> None:
        self._client.pass_through(gate)

    def link(self, object: str, id: str) -> str:
        return f"{self._client.home}/lightning/r/{OBJECTS[object]}/{quote(id, safe='')}/view"

    def check(self) -> Sequence[Check]:
        self._schema.forget()
        return Doctor(self._client, self._schema, self.mirror, self.objects).answers()

    def field(self, object: str, name: str) -> Shown | None:
        return self._schema.shown(object, name)
