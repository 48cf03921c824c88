"""
Errors a person may read: each turned into what happened and what to try. Unforeseen ones are not listed here.

An exception counts as foreseen when its class is named below or it comes from our own floors with a written message.
"""

from __future__ import annotations

from worker.wiring.masking import masked


def refusal(error: BaseException) -> str | None:
    """The text for stderr, or None when nobody foresaw this error."""
    from connectors.errors import ConnectorError
    from settings.problem import Problems, render
    from worker.wiring.places import NoSettings

    if isinstance(error, Problems):
        return render(error.problems, error.files)
    if isinstance(error, ConnectorError):
        code = f" ({error.code})" if error.code else ""
        return masked(" ".join([f"{error}{code}", *getattr(error, "__notes__", ())]))
    if isinstance(error, NoSettings) or type(error).__module__.split(".")[0] in {"worker", "connectors", "settings"}:
        return masked(str(error))
    if isinstance(error, OSError):
        return masked(f"{error.strerror or error}: {error.filename or ''}. Check the path and its permissions.")
    if type(error).__module__.startswith("sqlalchemy"):
        said = str(getattr(error, "orig", error)).splitlines()[0]
        return masked(f"The store could not be used: {said}. Check --store or PQL_STORE.")
    return None
