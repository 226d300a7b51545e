"""THE place that turns a rule's terms and patterns into RE2 expressions, which match in time that grows linearly with the text."""

import re
from collections.abc import Iterable
from typing import Any, Final

import re2

# What RE2 may use for one expression's automaton; it is taken as texts need it and thrown away when it is full.
_ONE_RULE_BYTES: Final = 16 << 20
_ALL_RULES_BYTES: Final = 128 << 20

_OUTSIDE_A_WORD: Final = r"[^\pL\pN\pM_]"
_SPACE: Final = re.compile(r"\s+")
_ANY_SPACE: Final = r"[\s\p{Z}]+"
_ANY_APOSTROPHE: Final = "['\u2019\u02bc]?"
_LONGEST_MESSAGE: Final = 200


class BadExpression(ValueError):
    """An expression that RE2 does not take; the message says why and quotes only the policy."""


def of_terms(terms: Iterable[str]) -> str:
    """An expression whose group 1 is one of `terms` as whole words, longest first; any space and any apostrophe stand for each other.

    Raises BadExpression when a term holds no letter and no digit, because it would match next to everything.
    """
    written = sorted({_SPACE.sub(" ", term.strip()) for term in terms}, key=lambda term: (-len(term), term))
    for term in written:
        if not any(character.isalnum() for character in term):
            raise BadExpression(f"the term {term!r} has no letter and no digit")
    return _whole_words("|".join(_of_term(term) for term in written))


def of_patterns(patterns: Iterable[str]) -> str:
    """An expression whose group 1 is a match of one of `patterns` that neither begins nor ends within a word of any script.

    Raises BadExpression, naming the pattern, when one cannot be used or would match the empty text.
    """
    checked: list[str] = []
    for pattern in patterns:
        try:
            matches_nothing = compiled(pattern).search(b"") is not None
        except BadExpression as error:
            raise BadExpression(f"the pattern {pattern!r}: {error}") from None
        if matches_nothing:
            raise BadExpression(f"the pattern {pattern!r} matches the empty text")
        checked.append(f"(?:{pattern})")
    return _whole_words("|".join(checked))


def compiled(expression: str) -> Any:
    """The expression as RE2 runs it, over UTF-8 bytes and in any case. Raises BadExpression."""
    try:
        return re2.compile(expression, _options(_ONE_RULE_BYTES))
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if error.args and isinstance(error.args[0], bytes) else "not an RE2 expression"
        raise BadExpression(f"RE2 does not take it: {reason[:_LONGEST_MESSAGE]}") from None


def one_pass(expressions: Iterable[str]) -> Any:
    """All expressions, each of them `compiled` before, as one set: its `Match(data)` gives the positions of those that match, or None."""
    together = re2.Set.SearchSet(_options(_ALL_RULES_BYTES))
    for expression in expressions:
        together.Add(expression)
    together.Compile()
    return together


def _whole_words(choices: str) -> str:
    # RE2's own \b knows ASCII words alone.
    return rf"(?:^|{_OUTSIDE_A_WORD})({choices})(?:$|{_OUTSIDE_A_WORD})"


def _of_term(term: str) -> str:
    words = (str(re2.escape(word)).replace(r"\'", _ANY_APOSTROPHE) for word in term.replace("\u2019", "'").split(" "))
    return _ANY_SPACE.join(words)


def _options(budget_bytes: int) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = budget_bytes
    return options
