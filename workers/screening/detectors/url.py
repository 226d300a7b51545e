"""THE place that finds links: with a scheme, with `www.`, or as a bare domain name under a well-known ending."""

import re
from collections.abc import Iterator
from typing import Final

from workers.screening.detectors.matches import Match

CAUSE: Final = r"://|[\pL\pN][.][\pL]{2}"

# Endings that are hardly ever a word of their own, so that a full stop without a space after it is not taken for a link.
_PLAIN_ENDINGS: Final = (
    "com net org edu gov info biz io app dev xyz online shop site store club gg tv eu uk br fr pl ru nl mx cl pe ua cz dk fi se jp cn hk kr"
)
# Endings that are also words or parts of words somewhere: only with a path behind them.
_WORDLIKE_ENDINGS: Final = "co me ly to it in at is de es pt us ca au ch be no so ai gl sh st cc tk ml page link live chat"

_SCHEMED: Final = r"(?:https?|hxxps?|ftp)://[^\s<>\"]{2,2048}"
_WWW: Final = r"www\.[^\W_][^\s<>\"]{3,2048}"
_LABELS: Final = r"(?:[^\W_][\w\-]{0,62}\.){1,8}"
_TAIL: Final = r"(?:(?::\d{2,5})?[/?#][^\s<>\"]{0,2048})"
_BARE: Final = (
    rf"{_LABELS}(?:(?:{_PLAIN_ENDINGS.replace(' ', '|')})(?![\w@\-]){_TAIL}?"
    rf"|(?:{_WORDLIKE_ENDINGS.replace(' ', '|')})(?:/[\w\-]{_TAIL}?[^\s<>\"]{{0,2048}}))"
)
_LINK: Final = re.compile(rf"(?<![\w@.\-/])(?:{_SCHEMED}|{_WWW}|{_BARE})", re.IGNORECASE)
_CLOSING: Final = ".,;:!?)]}'*_\u2019\u201d\u2026"
_HOST_END: Final = re.compile(r"(?<![:/])[/?#](?!/)")


def find(text: str, _regions: tuple[str, ...]) -> Iterator[Match]:
    """The links in `text`, from left to right, without closing punctuation. Work grows linearly; regions make no difference."""
    for link in _LINK.finditer(text):
        evidence = link.group().rstrip(_CLOSING)
        yield Match(start=link.start(), end=link.start() + len(evidence), evidence=evidence, reading=_reading(evidence))


def _reading(evidence: str) -> str:
    """The link with its host in lower case and its scheme as a browser would take it."""
    host_end = _HOST_END.search(evidence)
    cut = host_end.start() if host_end else len(evidence)
    host = evidence[:cut].lower()
    return ("http" + host[4:] if host.startswith("hxxp") else host) + evidence[cut:]
