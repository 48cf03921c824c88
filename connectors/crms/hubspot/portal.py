"""One HubSpot portal: the rooms put together."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from connectors.bulk import Bulk
from connectors.contract import Budget, Gate
from connectors.crms.hubspot.client import TYPE_IDS, Client
from connectors.crms.hubspot.doctor import Account, Check, Doctor, account
from connectors.crms.hubspot.limits import OWN_LIMITS, RESERVE
from connectors.crms.hubspot.mirror import Mirror
from connectors.crms.hubspot.options import Options
from connectors.crms.hubspot.provisioning import Provisioning
from connectors.crms.hubspot.records import Records
from connectors.crms.hubspot.schema import Schema
from connectors.crms.hubspot.tasks import Tasks
from connectors.fields import Shown
from connectors.reach import Timeouts


class HubSpot:
    """The connector; `close` ends its connections."""

    kind = "hubspot"
    objects = ("contact", "company")
    creates = "contact"
    reserve = RESERVE
    own_limits = OWN_LIMITS

    def __init__(self, options: Options, timeouts: Timeouts | None = None) -> None:
        self._client = Client(options, timeouts)
        self._schema = Schema(self._client)
        self._portal: Account | None = None
        self.mirror = Mirror(self._client, self._schema)
        self.records = Records(self._client, self._schema)
        self.bulk: Bulk | None = None
        self.tasks = Tasks(self._client, self._schema)
        self.provisioning = Provisioning(self._client, self._schema)

    def __repr__(self) -> str:
        return f"HubSpot({self._client!r})"

    def close(self) -> None:
        self._client.close()

    @property
    def calls(self) -> int:
        return self._client.calls

    def budget(self) -> Budget:
        return self._client.budget

    def account(self) -> str:
        return self._account().portal

    def pass_through(self, gate: Gate) -> None:
        self._client.gate = gate

    def link(self, object: str, id: str) -> str:
        account = self._account()
        return f"{account.pages}/contacts/{account.portal}/record/{TYPE_IDS[object]}/{quote(id, safe='')}"

    def check(self) -> Sequence[Check]:
        self._schema.forget()
        self._portal = None
        return Doctor(self._client, self._schema, self.mirror).answers(self._account)

    def field(self, object: str, name: str) -> Shown | None:
        return self._schema.shown(object, name)

    def _account(self) -> Account:
        if self._portal is None:
            self._portal = account(self._client)
        return self._portal
