"""What a person sees while a measurement runs. Standard error: standard output carries the result alone."""

import click


def say(line: str) -> None:
    """One line of progress."""
    click.echo(line, err=True)
