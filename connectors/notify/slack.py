"""Slack, and what takes Slack's incoming webhooks: one message to the channel that the URL belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from connectors.notices import MailServer, Notice
from settings.options import Option, OptionTable
from settings.terms import Secret

HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
OPTIONS = OptionTable(
    "slack",
    (
        Option("slack", "secret", required=True, says="URL of an incoming webhook."),
        Option("allow_host", says="A host of your own that speaks Slack's language, such as a Mattermost."),
    ),
    role="notifier",
)
MOST = 3_000
"""Characters of one message; Slack cuts far later."""
SAID = {
    "no_service": "the webhook was removed",
    "no_team": "the workspace is gone",
    "no_active_hooks": "the webhook was switched off",
    "invalid_token": "the webhook is not valid",
    "channel_not_found": "its channel is gone",
    "channel_is_archived": "its channel was archived",
    "action_prohibited": "an admin forbids it",
}


class Slack:
    """One incoming webhook."""

    def __init__(self, options: Mapping[str, object], _mail: Callable[[], MailServer]) -> None:
        from connectors.posting import session
        from connectors.reach import Reach

        url, host = options["slack"], options.get("allow_host")
        reach = Reach(HOSTS, str(host) if host else None)
        self._url = reach.checked(url.reveal() if isinstance(url, Secret) else str(url))
        self._session = session(reach)
        self.where = str(host or "Slack")

    def notify(self, notice: Notice) -> None:
        """Post the text, with nothing in it read as Slack's markup for people and links."""
        from connectors.posting import post

        text = f"*{_plain(notice.subject)}*\n{_plain(notice.text)}"
        shown = text if len(text) <= MOST else text[:MOST] + " ..."
        body = orjson.dumps({"text": shown, "unfurl_links": False})
        post(self._session, self._url, body, {"Content-Type": "application/json"}, SAID)


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
