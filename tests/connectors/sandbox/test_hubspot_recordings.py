"""The sandbox HubSpot against recorded traffic of a real portal."""

from collections import defaultdict
from pathlib import Path

import pytest
import urllib3
from replay_hubspot import Replay, Tally, exchanges

from connectors.sandbox.serve import Sandbox

RECORDINGS = Path(__file__).parents[4] / "shared" / "data" / "recordings" / "hubspot.jsonl.gz"
WANTED = 0.95

pytestmark = [
    pytest.mark.needs_shared_data,
    pytest.mark.skipif(not RECORDINGS.exists(), reason="the shared data set with recordings is not beside the checkout"),
]


@pytest.fixture(scope="module")
def tallies() -> dict[str, Tally]:
    scenarios: dict[str, list] = defaultdict(list)
    for exchange in exchanges(RECORDINGS):
        scenarios[exchange["file"]].append(exchange)
    sums: dict[str, Tally] = defaultdict(Tally)
    with urllib3.PoolManager(retries=False) as pool:
        for recorded in scenarios.values():
            with Sandbox.start(only=("hubspot",)) as sandbox:
                for name, tally in Replay(sandbox.hubspot, pool, recorded).run().items():
                    total = sums[name]
                    total.replayed += tally.replayed
                    total.agreed += tally.agreed
                    total.values_agreed += tally.values_agreed
                    total.mismatches += tally.mismatches
    return dict(sums)


@pytest.mark.parametrize("name", ["v3 batch", "v3 search"])
def test_recorded_calls_are_answered_with_the_recorded_status_keys_types_and_codes(tallies, name, record_property):
    tally = tallies[name]
    said = (
        f"{name}: {tally.agreed} of {tally.replayed} answers agree ({tally.share:.1%}), {tally.values_agreed} in every value"
    )
    record_property("agreement", said)
    print(said, *(f"  {one.place}: {one.reason}" for one in tally.mismatches), sep="\n")

    assert tally.share >= WANTED
    assert tally.replayed > 80
