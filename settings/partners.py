"""Channel partners: the directory, partner pools, and consent. Missing consent counts as no."""

from __future__ import annotations

from pydantic import Field

from settings.condition.tree import Condition
from settings.model import Model


class Partner(Model):
    """One row of the directory. `manager` is our person who owns the lead; territory is a word that pools select on."""

    name: str
    contact: str
    """E-mail address at the partner."""
    manager: str
    """E-mail address of our person."""
    language: str | None = None
    territory: str | None = None
    per_month: int | None = None
    """Most offers in a month; blank: no limit."""
    paused: bool = False
    """Gets no offers for now."""


class PartnerPool(Model):
    """Partners who share offers by turns, selected by equal directory columns (`territory: dach`)."""

    name: str
    members: dict[str, str] = Field(default_factory=dict)
    """Directory columns and the value each must have."""

    filled = frozenset({"name"})


class Partners(Model):
    directory: tuple[Partner, ...] = ()
    """`{file: partners.csv}` with the columns name, contact, manager, language, territory, per_month, paused."""
    pools: dict[str, PartnerPool] = Field(default_factory=dict)
    """Partners who share offers by turns."""
    consent: Condition | None = None
    """A column such as user.partner_consent; without it nobody's data go to a partner."""

    def of(self, pool: str) -> tuple[Partner, ...]:
        """The partners of a pool, paused ones included, in the directory's order."""
        wanted = self.pools[pool].members
        return tuple(
            partner for partner in self.directory if all(getattr(partner, key) == value for key, value in wanted.items())
        )
