"""`crossline migrate`: the release step. Safe to run twice at once."""

from pathlib import Path

import click

from crossline.context import data_dir_option, load_settings


@click.command()
@data_dir_option
def migrate(data_dir: Path | None) -> None:
    """Bring the database's schema up to date.

    Waits up to 30 seconds for a server that is just starting, and 3 for a SQLite file that is in use. Two at once are harmless.
    A database that is ahead of this release, because a newer one was deployed, is left alone.
    """
    from crossline.schema import bring_up_to_date

    settings = load_settings(data_dir)
    done = bring_up_to_date(settings.database_url.get_secret_value(), say=lambda line: click.echo(line, err=True))
    if done.before == done.after:
        click.echo(f"The schema is at {done.after}: nothing to do.")
    else:
        click.echo(f"The schema went from {done.before or 'nothing'} to {done.after}.")
