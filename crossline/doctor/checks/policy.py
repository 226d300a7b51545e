"""The policy: it compiles, and by how many rules it screens."""

from collections.abc import Iterator

from crossline.doctor.facts import Facts
from crossline.doctor.verdicts import Verdict, fail, ok
from workers.screening.compiled import compile_policy
from workers.screening.default import default_policy


def check(_facts: Facts) -> Iterator[Verdict]:
    """Pure."""
    try:
        policy = default_policy()
        compile_policy(policy)
    except Exception as error:  # noqa: BLE001  whatever is wrong with it, it is a finding
        yield fail(
            "policy", f"The policy cannot be used ({type(error).__name__}).", "Install Crossline anew: its policy is part of the package."
        )
    else:
        yield ok("policy", f"{len(policy.rules)} rules, version {policy.version}.")
