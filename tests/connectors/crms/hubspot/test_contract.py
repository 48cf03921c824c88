"""HubSpot keeps what every CRM connector promises, in each version of its paths."""

import pytest
from contract_suite import CrmContract


class TestHubSpot(CrmContract):
    pass


class TestHubSpotOld(CrmContract):
    """The same in v3, where details of a refusal are embedded in the message and a partial failure is 207."""

    @pytest.fixture
    def world(self, portal):
        portal.crm.close()
        portal.crm = portal.connect("v3")
        return portal
