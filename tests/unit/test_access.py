"""Every combination of role, action, patient, document and ground, against the table as people write it down."""

from __future__ import annotations

import itertools

import pytest

from viewer.access import (
    GROUNDS,
    NEEDS_REFERENCE,
    PURPOSE_OF_USE,
    RULES,
    Action,
    Context,
    DocumentFacts,
    Ground,
    PatientFacts,
    Role,
    User,
    Verdict,
    decide,
)

PATIENT = PatientFacts("p1")
OPEN, BLOCKED = DocumentFacts("d1", "p1"), DocumentFacts("d2", "p1", blocked=True)
ELSEWHERE = DocumentFacts("d3", "p2")

READS = {Role.CLINICIAN, Role.ARCHIVIST}
MAY_STATE = {
    Role.CLINICIAN: {Ground.TREATMENT, Ground.INTERNAL_CONTROL},
    Role.ARCHIVIST: {Ground.ACCESS_REQUEST, Ground.INTERNAL_CONTROL, Ground.COMPLAINT, Ground.SUPERVISION},
    Role.AUDITOR: set(),
    Role.IT: set(),
}


def expected(role: Role | None, action: Action, patient: object, document: DocumentFacts | None, ctx: Context) -> str:
    """The rules in words, written without looking at the table."""
    if action == "public":
        return "allow"
    if role is None:
        return "need-login"
    if action == "own":
        return "allow"
    if role not in READS:
        return "deny"
    if action == "find":
        return "allow"
    if patient is None or not (ctx.found or ctx.ground):
        return "deny"
    if action == "state-ground":
        return "allow"
    if ctx.ground not in MAY_STATE[role]:
        return "need-ground"
    if action in ("list", "search"):
        return "allow"
    return "allow" if document == OPEN else "deny"


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("action", list(Action))
def test_every_combination(role: Role | None, action: Action) -> None:
    user = User("u", role) if role else None
    contexts = [Context(found, ground) for found in (False, True) for ground in (None, *Ground)]
    for patient, document, ctx in itertools.product((None, PATIENT), (None, OPEN, BLOCKED, ELSEWHERE), contexts):
        got = decide(user, action, patient, document, ctx)
        assert got.verdict == expected(role, action, patient, document, ctx), (patient, document, ctx)
        assert bool(got) is (got.verdict is Verdict.ALLOW)


def test_each_refusal_says_why_to_the_log() -> None:
    user, stated = User("u", Role.CLINICIAN), Context(True, Ground.TREATMENT)
    assert decide(User("u", Role.IT), Action.FIND, None, None, Context()).code == "role"
    assert decide(user, Action.LIST, None, None, stated).code == "unknown"
    assert decide(user, Action.LIST, PATIENT, None, Context()).code == "not-found-by-user"
    assert decide(user, Action.OPEN, PATIENT, None, stated).code == "unknown"
    assert decide(user, Action.OPEN, PATIENT, ELSEWHERE, stated).code == "other-patient"
    assert decide(user, Action.OPEN, PATIENT, BLOCKED, stated).code == "blocked"


def test_an_action_without_a_rule_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(RULES, Action.SEARCH)
    assert not decide(User("u", Role.ARCHIVIST), Action.SEARCH, PATIENT, None, Context(True, Ground.COMPLAINT))


def test_the_tables_cover_everything() -> None:
    assert set(RULES) == set(Action) - {Action.PUBLIC}
    assert set(GROUNDS) == set(Role)
    assert {r: set(g) for r, g in GROUNDS.items()} == MAY_STATE
    assert set(PURPOSE_OF_USE) == set(Ground)
    assert {Ground.ACCESS_REQUEST, Ground.COMPLAINT, Ground.SUPERVISION} == NEEDS_REFERENCE
