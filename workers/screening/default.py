"""THE place that reads the policy shipped in the package: the one module of screening that reads files, and only its own."""

import tomllib
from functools import cache
from importlib import resources
from typing import Final

from schemas.policy import Policy, policy_of

DEFAULT_VERSION: Final = "default-1"


@cache
def default_policy() -> Policy:
    """The policy shipped in the package, read once a process."""
    folder = resources.files("workers.screening").joinpath("policy")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return policy_of({file.name: tomllib.loads(file.read_text("utf-8")) for file in files}, version=DEFAULT_VERSION)
