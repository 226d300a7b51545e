"""The policy: what a platform's terms of use ask the machine to look for, as data.

A policy's source form is a folder of TOML files; each holds rules as `[[rule]]` tables. `policy_of` reads them into this model and
names every problem at once.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import UserError
from schemas.findings import HIGHEST_SEVERITY, LOWEST_SEVERITY, Action, Category, Mode

RuleId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{1,63}$")]
Detector = Literal["phone", "split_phone", "email", "url"]


class PolicyError(UserError):
    """The policy cannot be used."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("The policy cannot be used:\n" + "\n".join(f"  - {problem}" for problem in problems))


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Rule(_Model):
    """One rule: what it matches, what it excuses, how bad that is and what to do about it.

    Exactly one of `detector`, `terms` and `patterns` says what it matches. `terms` are words or phrases, `patterns` RE2 expressions;
    both match in any case, and only whole words of any script. What `excuses` (RE2 too) matches in the same place is no finding.
    `hits` and `misses` are the rule's own examples, one message each.
    """

    id: RuleId
    title: str
    category: Category
    severity: Annotated[int, Field(ge=LOWEST_SEVERITY, le=HIGHEST_SEVERITY)]
    guidance: str
    mode: Mode = Mode.ENFORCE
    action: Action = Action.RECORD
    detector: Detector | None = None
    terms: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    excuses: tuple[str, ...] = ()
    hits: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _matches_by_one_means(self) -> "Rule":
        if sum((self.detector is not None, bool(self.terms), bool(self.patterns))) != 1:
            raise ValueError("give exactly one of detector, terms and patterns")
        return self


class Policy(_Model):
    """A whole policy. `version` names it in every finding."""

    version: str
    rules: tuple[Rule, ...]


def policy_of(documents: Mapping[str, Mapping[str, Any]], *, version: str) -> Policy:
    """The policy that parsed TOML documents hold, by file name. Raises PolicyError naming every problem with its file and rule."""
    rules: list[Rule] = []
    problems: list[str] = []
    for name, document in documents.items():
        problems += [f"{name}: {key}: a policy file holds [[rule]] tables and nothing else" for key in document if key != "rule"]
        tables = document.get("rule", ())
        if not isinstance(tables, Sequence) or not all(isinstance(table, Mapping) for table in tables):
            problems.append(f"{name}: rule: write each rule under [[rule]]")
            continue
        for position, table in enumerate(tables, start=1):
            try:
                rules.append(Rule.model_validate(table))
            except ValidationError as error:
                where = f"{name}, rule {table.get('id', position)}"
                problems += [f"{where}: {_place(problem['loc'])}{problem['msg']}" for problem in error.errors()]
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            problems.append(f"two rules are called {rule.id}")
        seen.add(rule.id)
    if problems:
        raise PolicyError(problems)
    return Policy(version=version, rules=tuple(rules))


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) + ": " if location else ""
