"""THE place that finds e-mail addresses written plainly."""

import re
from collections.abc import Iterator
from typing import Final

from workers.screening.detectors.matches import Match

CAUSE: Final = "[@\uff20]"

LONGEST_LOCAL_PART: Final = 64
_AT: Final = re.compile("[@\uff20]")
_LOCAL_PART: Final = re.compile(r"[^\W_][\w.%+\-]*+\Z|[^\W_]\Z")
_DOMAIN: Final = re.compile(r"(?:[^\W_][\w\-]{0,62}\.){1,8}[^\W\d_]{2,24}(?![\w\-])")


def find(text: str, _regions: tuple[str, ...]) -> Iterator[Match]:
    """The e-mail addresses in `text`, from left to right. Work grows linearly with the text; regions make no difference."""
    past = 0
    for at in _AT.finditer(text):
        first = max(past, at.start() - LONGEST_LOCAL_PART)
        local = _LOCAL_PART.search(text[first : at.start()])
        domain = _DOMAIN.match(text, at.end()) if local else None
        if local and domain:
            past = domain.end()
            start = first + local.start()
            evidence = text[start:past]
            yield Match(start=start, end=past, evidence=evidence, reading=evidence.replace("\uff20", "@").lower())
