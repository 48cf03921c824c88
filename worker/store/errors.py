"""What can go wrong with the store; messages never hold a password or the values of a statement."""


class StoreError(Exception):
    """The root."""


class BadStoreUrl(StoreError):
    """The address is not one of a store."""


class StoreUnreachable(StoreError):
    """The database does not answer, has no room, or has been locked for too long; what it had not confirmed is not known."""


class SchemaTooOld(StoreError):
    """The tables are older than this program; `pql migrate` brings them up to date."""


class ProgramTooOld(StoreError):
    """The tables are newer than this program may use; a newer program is needed."""


class PayloadDiffers(StoreError):
    """One effect key stands for one payload; a second, different one is refused rather than sent."""
