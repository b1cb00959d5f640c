"""The documentation says what the software does: every verb, every option, every link, every command in it."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from tests.conftest import REPOSITORY
from tools.cli_reference import PAGE, commands, page

PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])
COMMANDS = dict(commands())
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(#[^)]*)?\)")
_CALL = re.compile(r"\bjournalarkiv (?P<verb>[a-z]+)(?P<rest>[^`\n|#>]*)")


def leaves() -> list[str]:
    return [name for name, command in COMMANDS.items() if not isinstance(command, click.Group)]


def test_the_reference_of_commands_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tools.cli_reference`"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_says_what_it_is_for(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    assert command.help.rstrip().endswith((".", "!"))
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{name} {option.opts[0]}"


@pytest.mark.parametrize("name", leaves())
def test_every_command_has_an_example_that_it_would_accept(name: str) -> None:
    epilog = COMMANDS[name].epilog or ""
    found = re.search(r"Example: journalarkiv (.+?)(\n\n|$)", epilog, re.DOTALL)
    assert found, f"{name} has no example"
    assert found[1].startswith(name)
    assert unknown_options(found[1]) == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_links_lead_somewhere_and_commands_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target, _ in _LINK.findall(text):
        if "://" not in target:
            assert (path.parent / target).exists(), target
    for call in _CALL.finditer(text):
        if call["verb"] in COMMANDS:
            assert unknown_options(call["verb"] + call["rest"]) == set(), call[0]
    for target in re.findall(r"`make ([a-z-]+)", text):
        assert re.search(rf"^{target}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE), target


def test_every_page_can_be_reached_from_the_map() -> None:
    reached = {
        (REPOSITORY / "docs" / t).resolve() for t, _ in _LINK.findall((REPOSITORY / "docs/index.md").read_text())
    }
    assert {p for p in PAGES if "docs" in p.parts and p.name != "index.md"} <= reached
    assert "docs/index.md" in (REPOSITORY / "README.md").read_text()


def test_every_dependency_has_its_reason() -> None:
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    decisions = (REPOSITORY / "docs/decisions.md").read_text(encoding="utf-8").lower()
    named = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    missing = [n for n in (re.split(r"[\[<>=~]", d)[0].lower() for d in named) if f"`{n}`" not in decisions]
    assert missing == []


def unknown_options(call: str) -> set[str]:
    """Options in a written call that its command does not have."""
    words = call.split()
    name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
    known = {o for p in COMMANDS[name].params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
    return {w.split("=")[0] for w in words[1:] if w.startswith("--") and len(w) > 2} - known


def test_the_demo_user_that_is_named_exists() -> None:
    from viewer.serve import DEMO_ACCOUNTS

    named = re.search(r"log in as `(\w+)`", (REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert named is not None
    assert named[1] in {user for user, _, _ in DEMO_ACCOUNTS}
