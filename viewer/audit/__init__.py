"""Who looked at what: an append-only, hash-chained log (docs/internals/audit-log.md)."""

from viewer.audit.events import AuditAction, AuditEvent, AuditOutcome
from viewer.audit.log import AuditLog, log_path, system_user
from viewer.audit.tree import Checkpoint
from viewer.audit.verify import AuditFinding, AuditFindingCode, AuditReport, verify_log

__all__ = [
    "AuditAction",
    "AuditEvent",
    "AuditFinding",
    "AuditFindingCode",
    "AuditLog",
    "AuditOutcome",
    "AuditReport",
    "Checkpoint",
    "log_path",
    "system_user",
    "verify_log",
]
