"""Salesforce keeps what every CRM connector promises, whether a lead is a Contact or a Lead there."""

import pytest
from contract_suite import CrmContract
from contract_world import read, write

from connectors.errors import TryLater, Unknown


class Contract(CrmContract):
    def test_a_limit_says_how_long_to_wait_and_costs_no_attempt(self, world, people):
        """Salesforce has no Retry-After: a rolling day gives calls back little by little."""
        read(world, people[0])
        world.sandbox.weather({"match": {}, "nth": 1, "fault": "daily_limit"})

        with pytest.raises(TryLater) as caught:
            write(world, people[0], {"pql_score": 5})

        assert (caught.value.after, caught.value.limited) == (900.0, True)


class TestContacts(Contract):
    pass


class TestLeads(Contract):
    @pytest.fixture
    def world(self, org):
        org.person = "lead"
        return org

    def test_a_write_is_one_call_and_never_repeated(self, world, people):
        """One more call asks which leads are converted; the writing one is still made once."""
        world.strike("html", status=502)

        with pytest.raises(Unknown):
            write(world, people[0], {"pql_score": 5})

        assert world.writing_calls()[-1:] == ["PATCH"]
        assert world.writing_calls().count("PATCH") == 1
