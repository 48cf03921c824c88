"""The proof notices a product that does wrong: each broken rule shows within the fixed seeds that `make test` runs."""

import pytest
from chaos.sabotage import SABOTAGES
from chaos.schedules import SEEDS, run, schedule
from chaos.stage import Stage


def wrong(stage: Stage, url: str, seed: int) -> bool:
    try:
        return bool(run(stage, url, schedule(seed)).wrong)
    except AssertionError as never_quiet:
        return "never quiet" in str(never_quiet)


@pytest.mark.chaos
@pytest.mark.parametrize("rule", SABOTAGES)
def test_it_is_noticed_when(stage: Stage, url: str, rule: str):
    with SABOTAGES[rule]():
        noticed = any(wrong(stage, url, seed) for seed in range(SEEDS))

    assert noticed, f"No seed under {SEEDS} shows that {rule}."
