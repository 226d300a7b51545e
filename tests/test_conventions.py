"""What the house agreed on and no linter knows: one table of rules over the sources, each with what to do instead."""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from schemas import keys

ROOT: Final = Path(__file__).parent.parent
PRODUCT: Final = ("schemas", "store", "receiver", "workers", "providers", "crossline")
MOST_LINES: Final = 300


@dataclass(frozen=True, slots=True)
class Banned:
    """A pattern that may stand nowhere but in its home. What ruff can ban stands in pyproject.toml instead."""

    id: str
    pattern: str
    instead: str
    home: str = ""


KEY_PREFIXES: Final = "|".join(re.escape(prefix) for prefix in (keys.PREFIX, keys.SEEN_PREFIX))
BANNED: Final = (
    Banned("a Redis key", rf"(?<![\"'])[\"'](?:{KEY_PREFIXES})\S", "its name in schemas/keys.py", home="schemas/keys.py"),
    Banned("a promise", r"\b(?:TODO|FIXME|XXX)\b", "nothing: do it, or leave it out"),
    Banned("a machine's path", r"[\"'\s](?:/work|/root|/opt|/home)/\w", "a path that the user gives"),
)


def sources(*folders: str, suffix: str = ".py") -> list[Path]:
    """Every file of a kind below some folders."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob(f"*{suffix}"))


def name_of(path: Path) -> str:
    """A file as a failing test shows it."""
    return path.relative_to(ROOT).as_posix()


def offences(rule: Banned, text: str) -> list[str]:
    """The places of a text that break a rule."""
    return re.findall(rule.pattern, text)


@pytest.mark.parametrize("rule", BANNED, ids=lambda rule: rule.id)
def test_what_has_one_home_stands_nowhere_else(rule: Banned) -> None:
    files = [path for path in (*sources(*PRODUCT), *sources(*PRODUCT, suffix=".lua")) if name_of(path) != rule.home]
    found = {name_of(path): hits for path in files if (hits := offences(rule, path.read_text()))}

    assert found == {}, f"write {rule.instead}"


@pytest.mark.parametrize(
    "rule, text, breaks",
    [
        pytest.param("a Redis key", 'name = "crossline:inbox"', True, id="a key spelt out"),
        pytest.param("a Redis key", "name = keys.INBOX_DUE", False, id="a key by its name"),
        pytest.param("a Redis key", '"""crossline: the command line"""', False, id="the product's name in prose"),
        pytest.param("a promise", "# TODO later", True, id="a promise"),
        pytest.param("a promise", "TODOS = 3", False, id="a longer word"),
        pytest.param("a machine's path", 'Path("/home/me")', True, id="a home"),
        pytest.param("a machine's path", '"/callbacks/work/"', False, id="a route"),
        pytest.param("a machine's path", '"/work"', False, id="a route of one word"),
    ],
)
def test_the_rules_find_what_they_are_for_and_nothing_beside_it(rule: str, text: str, breaks: bool) -> None:
    [banned] = [banned for banned in BANNED if banned.id == rule]

    assert bool(offences(banned, text)) is breaks


@pytest.mark.parametrize("path", sources(*PRODUCT), ids=name_of)
def test_a_file_is_about_one_thing(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", [path for path in sources(*PRODUCT, "tests") if path.name != "__init__.py"], ids=name_of)
def test_a_module_says_what_it_is_the_place_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", [path for path in sources(*PRODUCT, "tests") if path.name == "__init__.py"], ids=name_of)
def test_a_package_is_imported_for_its_modules_and_nothing_else(path: Path) -> None:
    assert path.read_text() == ""


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in sources("tests")}

    assert [name_of(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_every_dependency_is_pinned_in_its_requirements_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]

    assert [name for name in bare_names(project["dependencies"]) if name not in pinned("requirements.txt")] == []
    assert [name for name in bare_names(extras["embedded"]) if name not in pinned("requirements-embedded.txt")] == []
    assert [name for name in bare_names(extras["dev"]) if name not in pinned("requirements-dev.txt")] == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("requirements*.txt")), ids=lambda path: path.name)
def test_no_requirements_file_names_a_registry(path: Path) -> None:
    assert re.findall(r"://|^--", path.read_text(), re.MULTILINE) == []


def test_no_two_requirements_files_pin_the_same_package() -> None:
    pins = [name for path in ROOT.glob("requirements*.txt") for name in pinned(path.name)]

    assert len(pins) == len(set(pins))


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").iterdir()), ids=lambda path: path.name)
def test_a_script_is_short_and_says_what_it_does(path: Path) -> None:
    lines = path.read_text().splitlines()

    assert lines[0] == "#!/bin/sh"
    assert lines[1].startswith("# ")
    assert len(lines) < 30
    assert path.stat().st_mode & 0o111


def bare_names(requirements: list[str]) -> list[str]:
    """The packages that a list asks for, without extras; a version in that list fails: versions have another home."""
    assert all(re.fullmatch(r"[a-z0-9-]+(\[[a-z]+\])?", requirement) for requirement in requirements)
    return [requirement.partition("[")[0] for requirement in requirements]


def pinned(requirements: str) -> Iterator[str]:
    """The packages that a requirements file itself pins, each with a hash on the next line."""
    return iter(re.findall(r"^([a-z0-9-]+)==\S+.*\\\n +--hash=sha256:", (ROOT / requirements).read_text(), flags=re.MULTILINE))
