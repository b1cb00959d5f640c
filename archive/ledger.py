"""What became of every source document: the states by name, and the one function that says what an export changes.

A document's state has three parts, which the work register (`register.sqlite`) keeps apart:

- *held*: what its patient's newest package has of it; nothing, or one version;
- *waiting*: the version in quarantine, with the reason; nothing, or one;
- *said*: the newest row of the source that named it, and whether a later whole export lacks it (`vanished`).

`State` names what of the first two there is. `next_step` says what follows from a state and what is newly said of the
document. docs/internals/states.md has the table; the model in the tests goes through it by chance and by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from archive.reasons import Flag
from archive.record import AddressProtection, FlagNote, JournalDocument, Patient


class State(StrEnum):
    """Where a document is. The first four are the words of the register's column `state`."""

    PENDING = "pending"
    """Registered, never worked; or new to its patient, since it moved."""
    ARCHIVED = "archived"
    """Held in its patient's newest package."""
    QUARANTINED = "quarantined"
    """Waiting, never held."""
    EXCLUDED = "excluded"
    """Left out by a rule of the mapping; no bytes are kept."""
    REFUSED = "newer-rejected"
    """Held in an older version, while the newest waits in quarantine. Column `state` is `archived`, `newer_rejected`
    is 1."""

    @property
    def held(self) -> bool:
        """Whether a version is in a package."""
        return self in (State.ARCHIVED, State.REFUSED)

    @property
    def waiting(self) -> bool:
        """Whether a version is in quarantine."""
        return self in (State.QUARANTINED, State.REFUSED)


class Step(StrEnum):
    """What is to be done with a document."""

    KEEP = "keep"
    """Nothing is said anew: it stays as it is."""
    REFRESH = "refresh"
    """What is held stays, bytes and facts, and says today's flags and protections; what waits goes on waiting."""
    CARRY = "carry"
    """The bytes held are those of the newest version: its facts are taken, and nothing waits any longer."""
    WORK = "work"
    """The newest version is converted: it will be held, or else be refused."""
    REFUSE = "refuse"
    """The newest version cannot be archived as it is said: it waits, and what is held stays, flagged."""
    LEAVE_OUT = "leave-out"
    """A rule excludes it, and nothing is held: nothing waits any longer."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is newly known of a document, held against what was done with it.

    Attributes:
        new: its row was registered since it was worked, or `retry` takes it up; false where the exports since then say
            nothing of it.
        excluded: a rule of the mapping leaves the newest row out.
        unfit: the row, its patient or its files stand in the way of archiving it.
        same: row, bytes and obstacles are those of the version worked last (held, or refused).
        same_bytes: its files have the bytes of the version held.
    """

    new: bool
    excluded: bool = False
    unfit: bool = False
    same: bool = False
    same_bytes: bool = False


def next_step(state: State, said: Said, *, again: bool = False) -> Step:
    """The one transition of a document.

    Args:
        state: where it is.
        said: what is newly known.
        again: `retry` takes it up, so that even what was tried before is tried again.
    """
    if not said.new:
        return Step.REFRESH if state.held else Step.KEEP
    if said.same and not again:
        return Step.REFRESH if state.held else Step.KEEP
    if said.excluded:
        if state is State.REFUSED:
            return Step.REFUSE  # for the reason it was refused for, with what the row says today
        return Step.REFRESH if state is State.ARCHIVED else Step.LEAVE_OUT
    if said.unfit:
        return Step.REFUSE
    if state.held and said.same_bytes and not (again and state is State.ARCHIVED):
        return Step.CARRY  # else `retry` takes up files of it that have no copy
    return Step.WORK


_OF_THE_DAY = (Flag.VANISHED_FROM_SOURCE, Flag.NEWER_VERSION_REJECTED)


def shown(held: JournalDocument, *, blocked: bool, vanished: bool, refused: FlagNote | None) -> JournalDocument:
    """What a package says of a document whose newest version it does not hold: the facts of the version held, with
    the flags and the protection of today.

    Args:
        held: the document as the newest package has it.
        blocked: whether the newest row has it blocked. A new block holds at once; that one is lifted is a fact of the
            newest version, and comes with it.
        vanished: whether a later whole export lacks it.
        refused: the flag that tells of a newer version which waits; None where none does.
    """
    flags = [note for note in held.flags if note.code not in _OF_THE_DAY]
    if vanished:
        flags.append(FlagNote(Flag.VANISHED_FROM_SOURCE))
    if refused is not None:
        flags.append(refused)
    return replace(held, flags=tuple(flags), blocked=held.blocked or blocked)


def refusal_of(document: JournalDocument) -> FlagNote | None:
    """The flag by which a package tells that a newer version waits."""
    return next((note for note in document.flags if note.code is Flag.NEWER_VERSION_REJECTED), None)


_STRICTEST = tuple(AddressProtection)


def protected(patient: Patient, protection: AddressProtection) -> Patient:
    """The patient with the stricter of his own protection and the one given."""
    return replace(patient, address_protection=max(patient.address_protection, protection, key=_STRICTEST.index))
