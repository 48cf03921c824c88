"""
`pql`: one thin function per command. Nothing heavy is imported until a command runs.

Decided here: names, options and help. What a command does stands in the module that it imports. Exit codes: 0 done,
1 done with rejected or held rows, 2 refused, 3 interrupted and resumable.
"""

from __future__ import annotations

from typing import Annotated

import typer

from worker.cli.asked import Asked, moment, told
from worker.cli.options import AsOf, Debug, Limit, Output, Settings, Store, Where

app = typer.Typer(
    name="pql",
    help="Product usage in, qualified leads out: scores, routes and hands leads to people in HubSpot and Salesforce.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _everywhere(
    ctx: typer.Context, settings: Settings = None, store: Store = None, output: Output = None, debug: Debug = False
) -> None:
    ctx.obj = Asked(settings, store, _form(output), debug)


def _form(output: str | None) -> str:
    if output not in (None, "text", "json"):
        raise typer.BadParameter(f"--output is text or json, not {output}.")
    return output or "text"


def _asked(ctx: typer.Context, settings: str | None, store: str | None, output: str | None, debug: bool = False) -> Asked:
    """Options of the command win over those before it."""
    before: Asked = ctx.obj or Asked()
    form = _form(output) if output else before.output
    return Asked(settings or before.settings, store or before.store, form, debug or before.debug)


@app.command()
def check(
    ctx: typer.Context,
    path: Annotated[str | None, typer.Argument(help="Folder or file; the settings in use if absent.")] = None,
    settings: Settings = None,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Check settings as a whole and show every problem with its place and a suggestion."""
    asked = _asked(ctx, path or settings, None, output, debug)
    with told(asked):
        from worker.cli import setting_up

        raise typer.Exit(setting_up.check(asked))


@app.command()
def activate(
    ctx: typer.Context,
    who: Annotated[str | None, typer.Option("--who", help="Name to record; the login name if absent.")] = None,
    settings: Settings = None,
    store: Store = None,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Check settings and make them the version that workers use."""
    asked = _asked(ctx, settings, store, output, debug)
    with told(asked):
        from worker.cli import setting_up

        raise typer.Exit(setting_up.activate(asked, who))


@app.command()
def init(
    ctx: typer.Context,
    url: Annotated[
        str | None, typer.Argument(help="A folder of files, a warehouse URL, or the URL of a PostHog project.")
    ] = None,
    to: Annotated[str, typer.Option("--to", help="Folder to write.")] = "settings.d",
    events: Annotated[str | None, typer.Option("--events", help="Table, file or glob with the events.")] = None,
    users: Annotated[str | None, typer.Option("--users", help="Table, file or glob with the users.")] = None,
    accounts: Annotated[str | None, typer.Option("--accounts", help="Table, file or glob with the accounts.")] = None,
    pick: Annotated[str | None, typer.Option("--pick", help="Events to use, comma-separated.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take every guess.")] = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Look at your usage data and write commented settings for it. Changes nothing in a CRM."""
    asked = _asked(ctx, to, None, output, debug)
    with told(asked):
        from worker.cli import beginning

        raise typer.Exit(beginning.init(asked, beginning.Answers(url, to, events, users, accounts, pick, yes)))


@app.command()
def doctor(
    ctx: typer.Context,
    test_alerts: Annotated[bool, typer.Option("--test-alerts", help="Send a test message to each alert channel.")] = False,
    settings: Settings = None,
    store: Store = None,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Look at everything this installation needs and say what to mend."""
    asked = _asked(ctx, settings, store, output, debug)
    with told(asked):
        from worker.cli import doctoring

        raise typer.Exit(doctoring.doctor(asked, test_alerts=test_alerts))


@app.command()
def provision(
    ctx: typer.Context,
    destination: Annotated[str | None, typer.Argument(help="One destination; all if absent.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    print_to: Annotated[
        str | None, typer.Option("--print", help="Write files for an admin into this folder instead.")
    ] = None,
    settings: Settings = None,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Make the standard fields in the CRM; shows first what it will do."""
    asked = _asked(ctx, settings, None, output, debug)
    with told(asked):
        from worker.cli import provisioning

        raise typer.Exit(provisioning.provision(asked, destination, yes=yes, print_to=print_to))


@app.command()
def pull(
    ctx: typer.Context, settings: Settings = None, store: Store = None, output: Output = None, debug: Debug = False
) -> None:
    """Fetch what is new at the sources and in the CRMs; nothing is written there."""
    asked = _asked(ctx, settings, store, output, debug)
    with told(asked):
        from worker.cli import running

        raise typer.Exit(running.pull(asked))


@app.command()
def plan(
    ctx: typer.Context,
    as_of: AsOf = None,
    out: Annotated[str | None, typer.Option("--out", help="Save the plan for `pql run --plan`.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Pull first, into a lake that is thrown away.")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=0, help="Show at most this many records and tasks.", show_default=False)
    ] = None,
    settings: Settings = None,
    store: Store = None,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Show what a run would do, field by field with reasons. Writes nothing."""
    asked = _asked(ctx, settings, store, output, debug)
    with told(asked):
        from worker.cli import running

        raise typer.Exit(running.plan(asked, moment(as_of), out=out, fresh=fresh, limit=limit))


@app.command()
def run(
    ctx: typer.Context,
    as_of: AsOf = None,
    plan_file: Annotated[
        str | None, typer.Option("--plan", help="Carry out this saved plan; refused when the state has moved.")
    ] = None,
    limit: Limit = None,
    override: Annotated[list[str] | None, typer.Option(help="A guard that the plan of --plan may pass; repeatable.")] = None,
    settings: Settings = None,
    store: Store = None,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Pull, score, qualify, route and write to the CRM."""
    asked = _asked(ctx, settings, store, output, debug)
    with told(asked):
        from worker.cli import running

        raise typer.Exit(running.run(asked, running.Wanted(moment(as_of), plan_file, limit, tuple(override or ()))))


@app.command()
def explain(
    ctx: typer.Context,
    lead: Annotated[str, typer.Argument(help="E-mail, user id, lead key, account id or CRM id.")],
    as_of: AsOf = None,
    settings: Settings = None,
    store: Store = None,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Show why a lead or an account stands where it stands: events, points, thresholds, rules, attempts."""
    asked = _asked(ctx, settings, store, output, debug)
    with told(asked):
        from worker.cli import explaining

        raise typer.Exit(explaining.explain(asked, lead, moment(as_of)))


@app.command()
def status(
    ctx: typer.Context, settings: Settings = None, store: Store = None, output: Output = None, debug: Debug = False
) -> None:
    """Show runs, work in hand and what waits."""
    asked = _asked(ctx, settings, store, output, debug)
    with told(asked):
        from worker.cli import operating

        raise typer.Exit(operating.status(asked))


@app.command()
def retry(
    ctx: typer.Context, settings: Settings = None, store: Store = None, output: Output = None, debug: Debug = False
) -> None:
    """Make rejected, dead and reviewed rows and left-out fields due again. Rows set aside at a pull need a mended source."""
    asked = _asked(ctx, settings, store, output, debug)
    with told(asked):
        from worker.cli import operating

        raise typer.Exit(operating.retry(asked))


@app.command()
def dead(
    ctx: typer.Context, settings: Settings = None, store: Store = None, output: Output = None, debug: Debug = False
) -> None:
    """List what was rejected, died or was set aside, with reasons."""
    asked = _asked(ctx, settings, store, output, debug)
    with told(asked):
        from worker.cli import operating

        raise typer.Exit(operating.dead(asked))


@app.command()
def pause(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(help="A destination, or `all`.")] = "all",
    why: Annotated[str | None, typer.Option("--why")] = None,
    settings: Settings = None,
    store: Store = None,
    debug: Debug = False,
) -> None:
    """Stop writing to a destination until `pql resume`; work waits and is not lost."""
    asked = _asked(ctx, settings, store, None, debug)
    with told(asked):
        from worker.cli import operating

        raise typer.Exit(operating.pause(asked, what, why))


@app.command()
def resume(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(help="A destination, or `all`.")] = "all",
    settings: Settings = None,
    store: Store = None,
    debug: Debug = False,
) -> None:
    """Go on writing after `pql pause`."""
    asked = _asked(ctx, settings, store, None, debug)
    with told(asked):
        from worker.cli import operating

        raise typer.Exit(operating.resume(asked, what))


@app.command()
def undo(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(help="Id of a run, its beginning is enough, or `last`: the last that wrote.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be restored; write nothing.")] = False,
    destination: Where = None,
    limit: Limit = None,
    settings: Settings = None,
    store: Store = None,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Restore what a run overwrote, where nobody changed it since; pauses the destination."""
    asked = _asked(ctx, settings, store, output, debug)
    with told(asked):
        from worker.cli import undoing

        raise typer.Exit(undoing.undo(asked, run, destination=destination, limit=limit, dry_run=dry_run))


@app.command()
def audit(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look and say; repair nothing.")] = False,
    destination: Where = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="People, and companies, to look at; 100.")] = None,
    settings: Settings = None,
    store: Store = None,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Read back a sample of what the CRM acknowledged; what others overwrote of ours is written again."""
    asked = _asked(ctx, settings, store, output, debug)
    with told(asked):
        from worker.cli import auditing

        raise typer.Exit(auditing.audit(asked, destination=destination, limit=limit, dry_run=dry_run))


@app.command()
def migrate(ctx: typer.Context, store: Store = None, debug: Debug = False) -> None:
    """Bring the store's tables to this version."""
    asked = _asked(ctx, None, store, None, debug)
    with told(asked):
        from worker.cli import setting_up

        raise typer.Exit(setting_up.migrate(asked))


@app.command()
def up(ctx: typer.Context, settings: Settings = None, store: Store = None, debug: Debug = False) -> None:
    """Pull, score, push and watch on schedule in one process, without Redis."""
    asked = _asked(ctx, settings, store, None, debug)
    with told(asked):
        from worker.cli import serving

        raise typer.Exit(serving.up(asked))


@app.command()
def console(
    ctx: typer.Context,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port")] = 8600,
    settings: Settings = None,
    store: Store = None,
    debug: Debug = False,
) -> None:
    """Serve /livez, /readyz and a read-only status page."""
    asked = _asked(ctx, settings, store, None, debug)
    with told(asked):
        from worker.cli import serving

        raise typer.Exit(serving.console(asked, host, port))


@app.command()
def sandbox(
    data: Annotated[str | None, typer.Option("--data", help="Folder that survives restarts; memory if absent.")] = None,
    hubspot_port: Annotated[int, typer.Option("--hubspot-port", help="0 picks a port.")] = 0,
    salesforce_port: Annotated[int, typer.Option("--salesforce-port", help="0 picks a port.")] = 0,
) -> None:
    """Serve a make-believe HubSpot and Salesforce on 127.0.0.1 until interrupted."""
    with told(Asked()):
        from worker.cli import serving

        raise typer.Exit(serving.sandbox(data, hubspot_port, salesforce_port))


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the sandbox CRMs running at the end, to look at.")] = False,
    users: Annotated[int, typer.Option("--users", help="How many users the made-up company has.")] = 2000,
) -> None:
    """Watch the whole path work on a made-up company, in under a minute."""
    with told(Asked()):
        from worker.cli.demo import show

        raise typer.Exit(show(users=users, keep=keep))


def _not_yet(name: str, what: str) -> None:
    def command() -> None:
        typer.echo(f"`pql {name}` is not built yet: {what}", err=True)
        raise typer.Exit(2)

    app.command(name, help=f"Not yet: {what}")(command)


_not_yet("simulate", "it will preview rule changes on history.")
_not_yet("erase", "it will remove a person's facts.")


def entry() -> None:
    """The console script."""
    app()
