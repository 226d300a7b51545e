"""The keys: those that the database was written with."""

from collections.abc import Iterator

from crossline.doctor.facts import Facts
from crossline.doctor.verdicts import Verdict, fail, ok
from schemas.errors import StoreError


def check(facts: Facts) -> Iterator[Verdict]:
    """Pure."""
    if isinstance(facts.database, StoreError) or facts.database.content is None:
        return
    problems = facts.database.content.key_problems
    for problem in problems:
        finding, _, remedy = problem.partition("\n")
        yield fail("keys", finding, remedy)
    if not problems:
        yield ok("keys", "They are those that this database was written with.")
