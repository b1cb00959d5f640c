"""Who may see what, and why: one pure function over one table. Everything not allowed here is refused.

Legal ground: pasientjournalloven §§ 16-17 (need to know, blocking) and § 22 a (log). The answer says what to do; the
caller shows the same "not found" for every refusal, so that nobody learns what exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a user is. One account has one role; IT and auditors see nothing of patients here."""

    CLINICIAN = "clinician"
    ARCHIVIST = "archivist"
    AUDITOR = "auditor"
    IT = "it"


class Ground(StrEnum):
    """Why a journal is opened."""

    TREATMENT = "treatment"
    ACCESS_REQUEST = "access-request"
    INTERNAL_CONTROL = "internal-control"
    COMPLAINT = "complaint"
    SUPERVISION = "supervision"


PURPOSE_OF_USE = {
    Ground.TREATMENT: "TREAT",
    Ground.ACCESS_REQUEST: "PATRQT",
    Ground.INTERNAL_CONTROL: "HOPERAT",
    Ground.COMPLAINT: "HLEGAL",
    Ground.SUPERVISION: "HCOMPL",
}
"""The grounds as HL7 v3 PurposeOfUse, which the audit log records."""


class Action(StrEnum):
    """What a request wants to do. Every route declares exactly one."""

    PUBLIC = "public"
    """Nothing about patients; no login needed (login form, static files)."""
    OWN = "own"
    """About the user's own session; login needed."""
    FIND = "find"
    STATE_GROUND = "state-ground"
    LIST = "list"
    SEARCH = "search"
    OPEN = "open"


class Verdict(StrEnum):
    """What `decide` answers."""

    ALLOW = "allow"
    NEED_LOGIN = "need-login"
    NEED_GROUND = "need-ground"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. `code` says why in one stable word, for the audit log and tests; users never see it."""

    verdict: Verdict
    code: str = ""

    def __bool__(self) -> bool:
        return self.verdict is Verdict.ALLOW


@dataclass(frozen=True, slots=True)
class User:
    """Who is logged in."""

    name: str
    role: Role
    full_name: str = ""


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What a decision needs to know of a patient."""

    id: str
    protected: bool = False


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What a decision needs to know of a document."""

    id: str
    patient_id: str
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What stands around the request.

    Attributes:
        found: this login found the patient by a search, so that it may know the patient exists.
        ground: the ground stated for this user and patient that still holds.
    """

    found: bool = False
    ground: Ground | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    roles: frozenset[Role]
    patient: bool = False
    ground: bool = False
    document: bool = False


_ALL = frozenset(Role)
_READERS = frozenset({Role.CLINICIAN, Role.ARCHIVIST})

RULES: dict[Action, _Rule] = {
    Action.OWN: _Rule(_ALL),
    Action.FIND: _Rule(_READERS),
    Action.STATE_GROUND: _Rule(_READERS, patient=True),
    Action.LIST: _Rule(_READERS, patient=True, ground=True),
    Action.SEARCH: _Rule(_READERS, patient=True, ground=True),
    Action.OPEN: _Rule(_READERS, patient=True, ground=True, document=True),
}

GROUNDS: dict[Role, tuple[Ground, ...]] = {
    Role.CLINICIAN: (Ground.TREATMENT, Ground.INTERNAL_CONTROL),
    Role.ARCHIVIST: (Ground.ACCESS_REQUEST, Ground.INTERNAL_CONTROL, Ground.COMPLAINT, Ground.SUPERVISION),
    Role.AUDITOR: (),
    Role.IT: (),
}
"""The grounds a role may state."""

NEEDS_REFERENCE = frozenset({Ground.ACCESS_REQUEST, Ground.COMPLAINT, Ground.SUPERVISION})
"""Grounds that are stated with a case number."""


def decide(
    user: User | None, action: Action, patient: PatientFacts | None, document: DocumentFacts | None, ctx: Context
) -> Decision:
    """Whether the user may do this now. Pure: depends on its arguments and the tables above only."""
    if action is Action.PUBLIC:
        return Decision(Verdict.ALLOW)
    if user is None:
        return Decision(Verdict.NEED_LOGIN)
    rule = RULES.get(action)
    if rule is None or user.role not in rule.roles:
        return Decision(Verdict.DENY, "role")
    if rule.patient:
        if patient is None:
            return Decision(Verdict.DENY, "unknown")
        if not ctx.found and ctx.ground is None:
            return Decision(Verdict.DENY, "not-found-by-user")
    if rule.ground and (ctx.ground is None or ctx.ground not in GROUNDS[user.role]):
        return Decision(Verdict.NEED_GROUND)
    if rule.document:
        if document is None:
            return Decision(Verdict.DENY, "unknown")
        if patient is None or document.patient_id != patient.id:
            return Decision(Verdict.DENY, "other-patient")
        if document.blocked:
            return Decision(Verdict.DENY, "blocked")
    return Decision(Verdict.ALLOW)
