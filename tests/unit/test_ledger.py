"""The states of a document, and the one function that leads from one to another, as states.md has them."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from archive.ledger import Said, State, Step, next_step, protected, shown
from archive.reasons import Flag
from archive.record import AddressProtection, FlagNote, JournalDocument, Patient

PAGE = Path(__file__).parents[2] / "docs/internals/states.md"
NOTE = FlagNote(Flag.NEWER_VERSION_REJECTED, "empty: The file has no bytes.")

WANTED = {
    # state: nothing new; same; another version that can be archived; that cannot; left out by a rule
    State.PENDING: (Step.KEEP, Step.KEEP, Step.WORK, Step.REFUSE, Step.LEAVE_OUT),
    State.ARCHIVED: (Step.REFRESH, Step.REFRESH, Step.WORK, Step.REFUSE, Step.REFRESH),
    State.REFUSED: (Step.REFRESH, Step.REFRESH, Step.WORK, Step.REFUSE, Step.REFUSE),
    State.QUARANTINED: (Step.KEEP, Step.KEEP, Step.WORK, Step.REFUSE, Step.LEAVE_OUT),
    State.EXCLUDED: (Step.KEEP, Step.KEEP, Step.WORK, Step.REFUSE, Step.LEAVE_OUT),
}


@pytest.mark.parametrize("state", State)
def test_every_state_has_an_answer_to_everything_an_export_can_say(state: State) -> None:
    said = (
        Said(new=False),
        Said(new=True, same=True),
        Said(new=True),
        Said(new=True, unfit=True),
        Said(new=True, excluded=True),
    )
    assert tuple(next_step(state, s) for s in said) == WANTED[state]


@pytest.mark.parametrize("state", [State.ARCHIVED, State.REFUSED])
def test_bytes_that_are_held_are_not_converted_again(state: State) -> None:
    assert next_step(state, Said(new=True, same_bytes=True)) is Step.CARRY
    assert next_step(state, Said(new=True, same_bytes=True, unfit=True)) is Step.REFUSE
    assert next_step(State.QUARANTINED, Said(new=True, same_bytes=True)) is Step.WORK, "those bytes were refused"


def test_retry_tries_again_what_is_the_same() -> None:
    for state in (State.QUARANTINED, State.REFUSED):
        assert next_step(state, Said(new=True, same=True), again=True) is Step.WORK
        assert next_step(state, Said(new=True, same=True, unfit=True), again=True) is Step.REFUSE


def test_what_is_held_is_never_dropped_by_a_step() -> None:
    for state, *flags in itertools.product((State.ARCHIVED, State.REFUSED), *[(False, True)] * 6):
        new, excluded, unfit, same, same_bytes, again = flags
        step = next_step(state, Said(new, excluded, unfit, same, same_bytes), again=again)
        assert step not in (Step.LEAVE_OUT, Step.KEEP)


def test_the_page_names_every_state() -> None:
    table = PAGE.read_text("utf-8").split("## States and what")[1].split("\n\n")[1]
    assert re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE) == [
        s.value for s in (State.PENDING, State.ARCHIVED, State.REFUSED, State.QUARANTINED, State.EXCLUDED)
    ]


def test_flags_of_the_day_are_said_beside_an_older_version_and_only_once() -> None:
    held = JournalDocument("d", "1", "p", title="Notat", flags=(FlagNote(Flag.DATE_MISSING), NOTE))
    both = shown(held, blocked=False, vanished=True, refused=NOTE)
    assert [n.code for n in both.flags] == [
        Flag.DATE_MISSING,
        Flag.VANISHED_FROM_SOURCE,
        Flag.NEWER_VERSION_REJECTED,
    ]
    assert shown(both, blocked=False, vanished=True, refused=NOTE) == both
    back = shown(both, blocked=False, vanished=False, refused=None)
    assert [n.code for n in back.flags] == [Flag.DATE_MISSING] and back.title == "Notat"


@pytest.mark.parametrize(("held", "newest", "wanted"), [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 1)])
def test_a_new_block_holds_at_once_and_is_not_lifted_by_a_refused_version(held: int, newest: int, wanted: int) -> None:
    document = JournalDocument("d", "1", "p", blocked=bool(held))
    assert shown(document, blocked=bool(newest), vanished=False, refused=NOTE).blocked is bool(wanted)


def test_the_strictest_protection_counts() -> None:
    order = (AddressProtection.NONE, AddressProtection.CONFIDENTIAL, AddressProtection.STRICTLY_CONFIDENTIAL)
    for (i, a), (j, b) in itertools.product(enumerate(order), repeat=2):
        assert protected(Patient("p", "1", address_protection=a), b).address_protection is order[max(i, j)]
