"""``flask --app webapp audit verify``: whether anybody tampered with the audit log."""

import click
from flask import Flask
from flask.cli import AppGroup

from webapp.audit.seals import has_seal, role_that_may_rewrite, verify

group = AppGroup("audit", help="The audit log.")


@group.command("verify")
@click.option("--known", multiple=True, metavar="SEAL",
              help="A seal that this command printed before: the log must still contain it.")
def verify_chain(known: tuple[str, ...]) -> None:
    """Check every entry of the audit log against its seal, and print the newest seal to keep elsewhere.

    The exit status is 1 when an entry was changed, removed or added in between, or is not sealed in time, and when a
    seal that is known is no more.
    """
    chain = verify()
    if chain.problem:
        raise click.ClickException(f"{chain.problem} The {chain.length} seals before it are whole.")
    for seal in known:
        if not has_seal(seal.strip().lower(), chain.length):
            raise click.ClickException(
                f"the chain of {chain.length} seals is whole, but {seal} is none of them: the end of the log was cut "
                "off, or the log was made anew; or it is no seal of this log.")
    if role := role_that_may_rewrite():
        click.echo(f"The app's role in the database, {role}, may remove what guards the audit log: docs/security.md "
                   "says how to keep the tables' owner apart from it.", err=True)
    click.echo(f"{chain.length} entries are as they were sealed.")
    if chain.newest:
        click.echo(chain.newest)


def add_to(app: Flask) -> None:
    """Add the command."""
    app.cli.add_command(group)
