"""What one record of the audit log says, and its canonical form.

The fields are those pasientjournalloven § 22 a and pasientjournalforskriften § 14 ask for (who, in which role and
organisation, which patient, which documents, when and why), with what ISO 27789 and the usage log of Kjernejournal
have besides. Time and sequence number are the log's own and are not given by the caller.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

FORMAT = 1
"""Version of the body; a reader of later versions must still read this one."""


class AuditAction(StrEnum):
    """What was done. Values never change meaning."""

    LOG_CREATED = "log-created"
    """The log's first record; its `detail` is the log's id."""
    LOGIN = "login"
    LOGIN_FAILED = "login-failed"
    LOGOUT = "logout"
    SEARCH_PATIENT = "search-patient"
    """Patients looked for; `patients` names every one shown."""
    OPEN_PATIENT = "open-patient"
    GROUND_STATED = "ground-stated"
    LIST_DOCUMENTS = "list-documents"
    SEARCH_TEXT = "search-text"
    OPEN_DOCUMENT = "open-document"
    READ_TEXT = "read-text"
    DOWNLOAD_ORIGINAL = "download-original"
    PRINT_DOCUMENT = "print-document"
    EXPORT = "export"
    DENY = "deny"
    """Something was asked for and refused; `decision` says by which rule."""
    ADMIN = "admin"
    AUDIT_READ = "audit-read"
    """The log itself was read out."""


class AuditOutcome(StrEnum):
    """How it went."""

    OK = "ok"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One look, or one try. Empty means "does not apply" and is left out of the record.

    Attributes:
        user: the account or subject, unique for one person; `issuer` says who vouches for it.
        patient_id: the patient the whole event is about; `patients` further ones that were shown (a hit list).
        patient_identifier: the national identity number as it was typed or shown.
        documents: the id of every document shown, complete (pasientjournalloven § 22 a).
        file_seq: which file of the one document, with the `sha256` of the bytes served.
        ground: why, as stated by the user; `ground_detail` in the user's own words.
        decision: the stable code of the access rule that allowed or refused; `policy_version` of which rule set.
        session: a hash of the session's token, never the token.
        hits, bytes: how much was found or served.
    """

    action: AuditAction
    outcome: AuditOutcome = AuditOutcome.OK
    user: str = ""
    user_name: str = ""
    user_hpr: str = ""
    issuer: str = ""
    role: str = ""
    organisation_number: str = ""
    organisation: str = ""
    unit: str = ""
    on_behalf_of: str = ""
    patient_id: str = ""
    patient_identifier: str = ""
    patients: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    file_seq: int | None = None
    sha256: str = ""
    query: str = ""
    ground: str = ""
    ground_detail: str = ""
    decision: str = ""
    policy_version: str = ""
    grant_id: str = ""
    emergency: bool = False
    session: str = ""
    client_ip: str = ""
    user_agent: str = ""
    request_id: str = ""
    hits: int | None = None
    bytes: int | None = None
    detail: str = ""


_DEFAULTS = {f.name: f.default for f in fields(AuditEvent)}
FIELD_NAMES = tuple(_DEFAULTS)
"""The fields of an event, in order."""


def canonical(event: AuditEvent, seq: int, ts: str) -> str:
    """The record's body: JSON with sorted keys and no spaces, fields at their default left out."""
    data: dict[str, Any] = {"v": FORMAT, "seq": seq, "ts": ts}
    for name, default in _DEFAULTS.items():
        value = getattr(event, name)
        if value != default:
            data[name] = value
    return canonical_json(data)


def canonical_json(data: dict[str, Any]) -> str:
    """JSON in the one form that is hashed; characters that UTF-8 cannot carry are escaped."""
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
