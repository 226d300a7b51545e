"""The documentation is part of the contract: what an operator can set, meet, measure or type is described in docs/, and nothing else is."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest
from click.testing import CliRunner

from crossline.cli import main
from schemas import metrics
from schemas.clock import EPOCH
from schemas.conversations import Conversation, SenderPast, Utterance
from schemas.errors import CrosslineError
from schemas.policy import policy_of
from schemas.settings import Settings, setting_names
from workers.screening.compiled import compile_policy
from workers.screening.screen import screen

ROOT: Final = Path(__file__).parent.parent
DOCS: Final = ROOT / "docs"
PAGES: Final = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "deploy").glob("*.md")])
COMMANDS_PAGE: Final = (DOCS / "commands.md").read_text()
EXAMPLE: Final = ROOT / "deploy" / "crossline.env.example"
BESIDE_THE_SETTINGS: Final = frozenset({"CROSSLINE_DATA_DIR"})
OUR_VARIABLE: Final = re.compile(r"\bCROSSLINE_[A-Z_]+\b")
NOT_FOR_READERS: Final = re.compile(r"(?<![\w.])/(?:work|root|opt|home)\b")
NOWHERE_ON_A_PAGE: Final = frozenset({"--help"})


def error_codes(error: type[CrosslineError] = CrosslineError) -> Iterator[str]:
    """The codes of the product's errors that a sender or an operator may be shown: the leaves of the tree."""
    kinds = [kind for kind in error.__subclasses__() if not kind.__module__.startswith("tests")]
    if not kinds:
        yield error.code
    for kind in kinds:
        yield from error_codes(kind)


def commands(command: click.Command = main, path: str = "crossline") -> Iterator[tuple[str, click.Command]]:
    """Every command below the first, as it is typed."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield f"{path} {name}", child
            yield from commands(child, f"{path} {name}")


def options(command: click.Command) -> set[str]:
    """The long names of a command's options."""
    return {name for option in command.params if isinstance(option, click.Option) for name in option.opts if name.startswith("--")}


def sections(page: str) -> dict[str, str]:
    """The text under each heading of a page, down to the next one."""
    parts = re.split(r"^#+ (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def anchors(page: str) -> set[str]:
    """What a link may name behind `#`, as forges make it of headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in sections(page)}


def outside_code(page: str) -> str:
    """A page without its code blocks."""
    return re.sub(r"^ *```.*?^ *```$", "", page, flags=re.MULTILINE | re.DOTALL)


def screenings(page: str) -> Iterator[tuple[str, str]]:
    """The `crossline screen` lines of a page that read no input, each with the output that is shown under it."""
    for block in re.findall(r"^```\w*\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL):
        yield from re.findall(r"^\$ crossline (screen .+)\n((?:(?!\$ ).*\n?)*)", block, flags=re.MULTILINE)


def assigned(example: str) -> set[str]:
    """The variables that a file of settings gives a place to, also behind a `#`."""
    return set(re.findall(r"^#?([A-Z_]+)=", example, flags=re.MULTILINE))


@pytest.mark.parametrize("name", setting_names())
def test_every_setting_is_documented(name: str) -> None:
    assert f"| `{name}` |" in (DOCS / "settings.md").read_text()


@pytest.mark.parametrize("code", sorted(set(error_codes())))
def test_every_error_code_is_documented(code: str) -> None:
    assert f"| `{code}` |" in (DOCS / "errors.md").read_text()


@pytest.mark.parametrize("metric", metrics.ALL, ids=lambda metric: metric.name)
def test_every_metric_is_documented_with_its_type_and_labels(metric: metrics.Metric) -> None:
    labels = ", ".join(f"`{label}`" for label in metric.labels)

    row = rf"^\| `{metric.name}` \| {metric.type.value} \| *{labels} *\| "
    assert re.search(row, (DOCS / "metrics.md").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("path, command", [pytest.param(path, command, id=path) for path, command in commands()])
def test_every_command_is_documented_with_its_options_and_no_others(path: str, command: click.Command) -> None:
    text = sections(COMMANDS_PAGE)[f"`{path}`"]

    described = set(re.findall(r"^\| `(--[\w-]+)` \|", text, flags=re.MULTILINE))
    assert described == options(command) - NOWHERE_ON_A_PAGE
    assert isinstance(command, click.Group) or re.search(rf"^\$ .*{' '.join(path.split()[:2])}\b", text, flags=re.MULTILINE)


def test_every_command_that_is_documented_exists() -> None:
    named = {heading.strip("`") for heading in sections(COMMANDS_PAGE) if heading.startswith("`crossline ")}

    assert named == {path for path, _ in commands()}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_no_page_names_a_setting_that_does_not_exist(page: Path) -> None:
    named = {name.removesuffix("_FILE") for name in OUR_VARIABLE.findall(page.read_text())}

    assert named - set(setting_names()) - BESIDE_THE_SETTINGS == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", outside_code(page.read_text())):
        name, _, anchor = target.partition("#")
        file = (page.parent / name) if name else page

        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text()), target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_no_page_names_a_path_of_somebody_s_machine(page: Path) -> None:
    assert NOT_FOR_READERS.findall(page.read_text()) == []


def test_the_example_of_settings_holds_what_is_required_and_nothing_unknown() -> None:
    required = {name for name, field in zip(setting_names(), Settings.model_fields.values(), strict=True) if field.is_required()}

    assert assigned(EXAMPLE.read_text()) - set(setting_names()) == set()
    assert required - assigned(EXAMPLE.read_text()) == set()


SCREENINGS: Final = [pair for page in PAGES for pair in screenings(page.read_text())]


@pytest.mark.parametrize("line, output", SCREENINGS, ids=[f"screening {number}" for number in range(len(SCREENINGS))])
def test_what_screening_is_shown_to_say_it_says(line: str, output: str) -> None:
    result = CliRunner().invoke(main, shlex.split(line))

    assert result.stdout.strip() == output.strip()


def test_the_rule_that_is_shown_is_a_rule_and_its_examples_hold() -> None:
    [shown] = re.findall(r"^```toml\n(.*?)^```$", (DOCS / "policy.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    policy = policy_of({"shown": tomllib.loads(shown)}, version="shown")
    [rule] = policy.rules
    compiled = compile_policy(policy)

    def found(text: str) -> bool:
        message = Utterance(text=text, sender="a", submitted_at=EPOCH)
        return bool(screen([message], Conversation(), SenderPast(), compiled))

    assert all(found(text) for text in rule.hits)
    assert not any(found(text) for text in rule.misses)


def started(file: Path) -> list[list[str]]:
    """What a Procfile or a systemd unit starts, from the word `crossline` on."""
    lines = re.findall(r"^(?:\w+: |ExecStart=)(\S*\bcrossline .+)$", file.read_text(), flags=re.MULTILINE)
    return [shlex.split(line)[1:] for line in lines]


@pytest.mark.parametrize("file", [ROOT / "Procfile", *sorted((ROOT / "deploy").glob("*.service"))], ids=lambda path: path.name)
def test_what_a_platform_is_told_to_start_exists(file: Path) -> None:
    known = dict(commands())

    assert started(file)
    assert all({word for word in words if word.startswith("--")} <= options(known[f"crossline {words[0]}"]) for words in started(file))


@pytest.mark.parametrize("version", re.findall(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE))
def test_the_changelog_names_versions(version: str) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)


@pytest.mark.parametrize(
    "heading, anchor",
    [
        pytest.param("At 3 a.m.", "at-3-am", id="full stops go"),
        pytest.param("What each store must be", "what-each-store-must-be", id="spaces become hyphens"),
        pytest.param("`crossline up`", "crossline-up", id="backticks go"),
    ],
)
def test_an_anchor_is_made_of_its_heading(heading: str, anchor: str) -> None:
    assert anchors(f"# {heading}\ntext\n") == {anchor}
