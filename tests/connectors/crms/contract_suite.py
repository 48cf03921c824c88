"""
What every CRM connector promises, tried against its sandbox over real HTTP.

A CRM subscribes with a class that derives from `CrmContract` and a fixture `world`, which seeds and acts in the sandbox in
that CRM's own words. Nothing here knows a vendor.
"""

from __future__ import annotations

import pytest
from contract_account import AccountContract
from contract_records import RecordsContract
from contract_tasks import TasksContract
from contract_world import World


class CrmContract(RecordsContract, TasksContract, AccountContract):
    """Derive from this and give it a `world`."""

    @pytest.fixture
    def people(self, world: World) -> list[str]:
        return [world.add_person(f"person{n}@nordwerk.example") for n in range(3)]
