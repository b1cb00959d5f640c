"""One document: its page with the PDF pane, the PDF's bytes, and its text."""

from __future__ import annotations

import logging
from typing import Any, NoReturn
from uuid import UUID

from flask import Blueprint, Response, abort, make_response, render_template, request
from flask.typing import ResponseReturnValue

from archive.errors import JournalarkivError
from archive.package import open_span, read_package
from archive.reasons import Flag
from viewer import guard, headers
from viewer.access import Action, Decision
from viewer.access import Verdict as Answer
from viewer.audit import AuditAction, AuditOutcome
from viewer.pages.journal import Narrowed, narrowed
from viewer.pages.snippets import marked, matched_words, package_of, read_text
from viewer.ranges import DamagedSpanError, UnsafePathError, span_response
from viewer.records import DocumentView, FileRow, Filters

blueprint = Blueprint("documents", __name__)
log = logging.getLogger("journalarkiv.viewer")
_PANE = 50
_DATE_FLAGS = (Flag.DATE_INVALID, Flag.DATE_IMPLAUSIBLE)


@blueprint.get("/pasient/<uuid:patient_id>/dokument/<uuid:document_id>")
@guard.declares(Action.OPEN)
def page(patient_id: UUID, document_id: UUID) -> ResponseReturnValue:
    """The document in its pane, beside the list it was opened from."""
    key, document = str(patient_id), str(document_id)
    admitted = guard.admit(Action.OPEN, key, document)
    view, narrow = _view(admitted), _narrow_with(key, document)
    values = _beside(key, document, narrow)
    file = _file(view, request.args.get("fil", type=int) or (narrow.best or {}).get(document))
    unconverted = file is not None and not file.converted
    damage = _damage(file) if file and not unconverted else ""
    if file is not None and damage:
        _note_damage(key, document, file, damage)
    words = _words(file, narrow) if not damage and not unconverted else []
    guard.look(
        AuditAction.OPEN_DOCUMENT,
        patient_id=key,
        documents=(document,),
        file_seq=file.seq if file else None,
        sha256=file.archive_sha256 if file else "",
        query=narrow.query,
    )
    if file is not None and not damage and not unconverted:
        guard.services().seen.add(_page_look(document, file))
    response = make_response(
        render_template(
            "document.html",
            patient=admitted.patient,
            ground=admitted.ground,
            document=view,
            file=file,
            words=words,
            written_date=_date_as_written(view, file),
            mode="damaged" if damage else "original" if unconverted else "pdf",
            **values,
        )
    )
    response.headers[headers.KIND] = "reader"
    return response


@blueprint.get("/pasient/<uuid:patient_id>/dokument/<uuid:document_id>/<int:seq>/tekst")
@guard.declares(Action.OPEN)
def text(patient_id: UUID, document_id: UUID, seq: int) -> ResponseReturnValue:
    """The document's text, with the hits marked: for screen readers, and where the PDF pane does not run."""
    key, document = str(patient_id), str(document_id)
    admitted = guard.admit(Action.OPEN, key, document)
    view, narrow = _view(admitted), _narrow_with(key, document)
    file = _file(view, seq, exact=True)
    if file is None or not file.converted:
        _refuse_unknown(key, document)
    values = _beside(key, document, narrow)
    limit = guard.services().config.documents.text_limit_kb << 10
    try:
        content = read_text(file, guard.services().store, guard.services().checker, limit)
    except UnsafePathError:
        return _damaged(key, document, file, "path")
    except (DamagedSpanError, OSError):
        return _damaged(key, document, file, "text: sha256 differs")
    backend = guard.services().backend()
    spans = backend.matches(narrow.query, content) if backend and narrow.query else []
    guard.look(AuditAction.READ_TEXT, patient_id=key, documents=(document,), file_seq=file.seq, query=narrow.query)
    return render_template(
        "document.html",
        patient=admitted.patient,
        ground=admitted.ground,
        document=view,
        file=file,
        words=[],
        written_date=_date_as_written(view, file),
        mode="text",
        pages=_pages(content, spans),
        hit_count=len(spans),
        cut=file.text.size > limit,
        **values,
    )


@blueprint.get("/pasient/<uuid:patient_id>/dokument/<uuid:document_id>/<int:seq>/dokument.pdf")
@guard.declares(Action.OPEN)
def pdf(patient_id: UUID, document_id: UUID, seq: int) -> ResponseReturnValue:
    """The bytes of the PDF/A file, whole or a range, straight out of the package."""
    key, document = str(patient_id), str(document_id)
    file = _file(_view(guard.admit(Action.OPEN, key, document)), seq, exact=True)
    if file is None or not file.converted:
        _refuse_unknown(key, document)
    damage = _damage(file)
    if damage:
        return _damaged(key, document, file, damage)
    package = package_of(file, guard.services().store)
    checked = file.pdf.size <= guard.services().config.documents.check_hash_mb << 20
    response = span_response(
        request, package, file.pdf, file.archive_sha256, "application/pdf", f"{document}-{file.seq}.pdf"
    )
    # The page's own record covers the first fetch of its file, and the first fetch covers the parts PDF.js asks for
    # after it. Whatever else begins at the beginning is a new look.
    seen, look = guard.services().seen, (guard.current_session().id_hash, f"pdf:{document}:{file.seq}")
    part = response.status_code == 206 and not response.headers["Content-Range"].startswith("bytes 0-")
    covered = seen.holds(look) if part else seen.take(_page_look(document, file))
    if covered:
        guard.nothing_shown()
    else:
        guard.look(
            AuditAction.OPEN_DOCUMENT,
            patient_id=key,
            documents=(document,),
            file_seq=file.seq,
            sha256=file.archive_sha256,
            bytes=file.pdf.size,
            detail="PDF file" if checked else "PDF file, too large to be checked on the way",
        )
    seen.add(look)
    response.headers[headers.KIND] = "pdf"
    return response


def _page_look(document_id: str, file: FileRow) -> tuple[str, str]:
    return guard.current_session().id_hash, f"page:{document_id}:{file.seq}"


def _view(admitted: guard.Admitted) -> DocumentView:
    if admitted.document is None:
        abort(404)
    return admitted.document


def _file(view: DocumentView, seq: int | None, *, exact: bool = False) -> FileRow | None:
    found = next((f for f in view.files if f.seq == seq), None)
    return found if found or exact else next(iter(view.files), None)


def _refuse_unknown(patient_id: str, document_id: str) -> NoReturn:
    guard.refuse(Decision(Answer.DENY, "unknown-file"), patient_id, document_id)


def _narrow_with(patient_id: str, document_id: str) -> Narrowed:
    """The list the document was opened from; the whole journal if the document is not in it."""
    narrow = narrowed(patient_id)
    if document_id in guard.records().visible_ids(patient_id, narrow.filters):
        return narrow
    return Narrowed(Filters())


def _beside(patient_id: str, document_id: str, narrow: Narrowed) -> dict[str, Any]:
    """The part of the list around the document, and its neighbours."""
    ids = guard.records().visible_ids(patient_id, narrow.filters)
    at = ids.index(document_id)
    first = at // _PANE * _PANE
    rows = guard.records().rows(patient_id, ids[first : first + _PANE])
    shown = tuple(r.id for r in rows)
    guard.look(
        AuditAction.LIST_DOCUMENTS,
        patient_id=patient_id,
        documents=shown,
        hits=len(ids),
        once=f"list:{patient_id}:{hash(shown)}",
        detail="beside an open document",
    )
    return {
        "narrow": narrow,
        "rows": rows,
        "total": len(ids),
        "number": at + 1,
        "before": ids[at - 1] if at else None,
        "after": ids[at + 1] if at + 1 < len(ids) else None,
        "list_page": at // _page_size(narrow) + 1,
    }


def _page_size(narrow: Narrowed) -> int:
    documents = guard.services().config.documents
    return documents.hits_per_page if narrow.query else documents.page_size


def _words(file: FileRow | None, narrow: Narrowed) -> list[str]:
    backend = guard.services().backend()
    if file is None or backend is None or not narrow.query:
        return []
    found = guard.services()
    try:
        content = read_text(file, found.store, found.checker, found.config.documents.text_limit_kb << 10)
    except (UnsafePathError, DamagedSpanError, OSError):
        return []  # the text view says so
    return matched_words(content, backend.matches(narrow.query, content))


def _date_as_written(view: DocumentView, file: FileRow | None) -> str:
    """What the source wrote where a date is invalid; only the package knows, the catalogue has dates alone."""
    if file is None or not any(f.code in _DATE_FLAGS for f in view.row.flags):
        return ""
    try:
        contents = read_package(package_of(file, guard.services().store))
    except (UnsafePathError, OSError, JournalarkivError):
        return ""
    found = next((d for d in contents.documents if d.id == view.row.id), None)
    return (found.document_date_source or found.entry_date_source) if found else ""


def _pages(content: str, spans: Any) -> list[list[tuple[str, bool]]]:
    """The text page by page (a form feed ends a page), each as pieces with whether they are hits."""
    pages, at = [], 0
    for part in content.split("\f"):
        inside = [(a - at, b - at) for a, b in spans if a >= at and b <= at + len(part)]
        pages.append(list(marked(part, inside)))
        at += len(part) + 1
    while len(pages) > 1 and not "".join(t for t, _ in pages[-1]).strip():
        pages.pop()
    return pages


def _damage(file: FileRow) -> str:
    """How a file's PDF differs from what was archived, in a few words for the log; empty where it does not."""
    try:
        package = package_of(file, guard.services().store)
        guard.services().checker.check(package, file.pdf, file.archive_sha256)
        with open_span(package, file.pdf) as reader:
            return "" if reader.read(5) == b"%PDF-" else "not a PDF"
    except UnsafePathError:
        return "path"
    except (DamagedSpanError, OSError):
        return "sha256 differs"


def _note_damage(patient_id: str, document_id: str, file: FileRow, what: str) -> None:
    log.critical("integrity: a file in a package is not as recorded (%s); run journalarkiv verify", what)
    guard.look(
        AuditAction.OPEN_DOCUMENT,
        outcome=AuditOutcome.FAILED,
        patient_id=patient_id,
        documents=(document_id,),
        file_seq=file.seq,
        sha256=file.archive_sha256,
        detail=f"integrity: {what}",
    )


def _damaged(patient_id: str, document_id: str, file: FileRow, what: str) -> Response:
    """Bytes that are not the recorded ones are never shown; it is written down and cried out."""
    _note_damage(patient_id, document_id, file, what)
    return make_response(render_template("error.html", kind="damaged", status=500), 500)
