"""The documentation is part of the contract: what an operator can set, meet or measure is described in docs/."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from schemas import metrics
from schemas.errors import CrosslineError
from schemas.settings import setting_names

DOCS: Final = Path(__file__).parent.parent / "docs"
pytestmark = pytest.mark.skipif(not any(DOCS.glob("*.md")), reason="docs/ holds no page yet")


@pytest.fixture(scope="module")
def prose() -> str:
    """All pages of docs/ as one text."""
    return "\n".join(path.read_text() for path in sorted(DOCS.rglob("*.md")))


def error_codes(error: type[CrosslineError] = CrosslineError) -> Iterator[str]:
    """The codes of the errors that a sender or an operator may be shown: the leaves of the tree."""
    kinds = error.__subclasses__()
    if not kinds:
        yield error.code
    for kind in kinds:
        yield from error_codes(kind)


@pytest.mark.parametrize("name", setting_names())
def test_every_setting_is_documented(name: str, prose: str) -> None:
    assert f"`{name}`" in prose


@pytest.mark.parametrize("code", sorted(set(error_codes())))
def test_every_error_code_is_documented(code: str, prose: str) -> None:
    assert f"`{code}`" in prose


@pytest.mark.parametrize("metric", metrics.ALL, ids=lambda metric: metric.name)
def test_every_metric_is_documented(metric: metrics.Metric, prose: str) -> None:
    assert metric.name in prose
