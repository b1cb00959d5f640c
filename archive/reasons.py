"""Stable codes: why a document was quarantined, and what is remarkable about one that was archived.

Codes are part of the product's contract (reports, `retry --reason`, docs) and never change meaning; the sentences may.
"""

from __future__ import annotations

from archive.coded import Coded


class Reason(Coded):
    """Why a document is in quarantine."""

    FILE_MISSING = "file-missing", "The register names a file that is not in the export."
    FILE_AMBIGUOUS = (
        "file-ambiguous",
        "The register's name fits several files, or other names fit its file; which is meant is not certain.",
    )
    NO_FILE = "no-file", "The register's row names no file at all."
    PATH_OUTSIDE_EXPORT = "path-outside-export", "The file's path leads out of the export; it was not read."
    EMPTY = "empty", "The file has no bytes."
    ENCRYPTED = "encrypted", "The file cannot be opened without a password."
    TRUNCATED = "truncated", "The file ends before its own structure says it should."
    CORRUPT = "corrupt", "The file's structure is broken beyond what can be read faithfully."
    UNSUPPORTED_FORMAT = "unsupported-format", "No route to PDF/A exists for this kind of file."
    RESOURCE_LIMIT = "resource-limit", "Opening the file would need more memory, pixels or pages than is allowed."
    CONVERSION_FAILED = "conversion-failed", "Every route to PDF/A failed."
    CONVERSION_TIMEOUT = "conversion-timeout", "The conversion did not end within its time limit."
    PART_NOT_ARCHIVABLE = "part-not-archivable", "A file within the file (attachment, member) cannot be archived."
    VALIDATION_FAILED = "validation-failed", "A PDF was made, but the validator does not accept it as PDF/A."
    UNREADABLE = "unreadable", "The operating system refuses to read the file."
    UNKNOWN_PATIENT = "unknown-patient", "The register's row names a patient that the export does not have."
    CONFLICTING_ROWS = "conflicting-rows", "Several different rows claim to be this document."
    CONFLICTING_PATIENT = "conflicting-patient", "Several different rows claim to be this document's patient."
    BAD_ROW = "bad-row", "The register's row cannot be read as the mapping says."


class Flag(Coded):
    """A fact to know about an archived document, file or patient."""

    DATE_INVALID = "date-invalid", "The source's date is not a date; it is kept as written."
    DATE_MISSING = "date-missing", "The source gives no date."
    DATE_IMPLAUSIBLE = "date-implausible", "The source's date lies in the future or before 1850."
    ID_INVALID = "id-invalid", "The identifier fails its check digits; it is kept and searchable."
    ID_MISSING = "id-missing", "The source gives no national identifier."
    ID_SHARED = "id-shared", "Another patient of the source has the same identifier; they were not merged."
    ID_SYNTHETIC = "id-synthetic", "The identifier is of a synthetic test population."
    UNKNOWN_CODE = "unknown-code", "The source's code is not in its code list; it is kept as written."
    VALUE_INVALID = "value-invalid", "A value of the source does not fit its field; it is kept as written."
    FORMAT_MISMATCH = "format-mismatch", "The file is not of the format its name says."
    DECODED_LENIENTLY = "decoded-leniently", "The file is partly broken; what could be read is shown."
    ENCODING_GUESSED = "encoding-guessed", "The text's character encoding is not declared and was detected."
    CONTROL_CODES_REMOVED = (
        "control-codes-removed",
        "Commands to a printer were taken out of the text; what they drew besides characters is in the original alone.",
    )
    OWNER_PASSWORD = "owner-password", "The file had usage restrictions (no password to open); the copy has none."
    OPENED_WITH_PASSWORD = (
        "opened-with-password",
        "The file needs a password, and one of those given opened it; the copy needs none, the original still does.",
    )
    NO_TEXT = "no-text", "No text could be read from the file; it is a candidate for OCR."
    OCR_TEXT = "ocr-text", "Words were recognised in the pages' pictures by OCR; they may be wrong."
    HIDDEN_TEXT = (
        "hidden-text",
        "The source hides some of its text, as on a printed page; the text copy has it.",
    )
    HIDDEN_CONTENT = (
        "hidden-content",
        "The source hides text, rows, columns or sheets, as on a printed page; only the original has them.",
    )
    GLYPHS_MISSING = (
        "glyphs-missing",
        "No installed font has some of its characters; the copy shows their numbers or boxes, the original has them.",
    )
    CELLS_CLIPPED = (
        "cells-clipped",
        "Cells are too narrow for their numbers, which the pages show as ###; the original has them.",
    )
    WORDS_MISSING = (
        "words-missing",
        "Some words of the source are not in the copy's text; they are in the original.",
    )
    NUMBERS_CHANGED = (
        "numbers-changed",
        "Numbers of the source are not in the copy as they were written; they are in the original.",
    )
    SYMBOLS_MISSING = (
        "symbols-missing",
        "Signs of the source (units, arrows, boxes, ticks) are not in the copy; they are in the original.",
    )
    SYMBOLS_UNREADABLE = (
        "symbols-unreadable",
        "The text copy has characters whose meaning is not known; the page or the original shows what they are.",
    )
    RAISED_AS_DIGITS = (
        "raised-as-digits",
        "The text copy gives raised digits as ordinary ones (10⁹ as 109); the page and the original have them raised.",
    )
    TEXT_ANNEXED = (
        "text-annexed",
        "Text of the source that the pages do not show stands on pages of its own at the end of the copy.",
    )
    PAGES_MISSING = (
        "pages-missing",
        "The copy has fewer pages than the file has pictures; the original has them.",
    )
    NOT_REREAD = (
        "not-reread",
        "The file could not be read a second time, so what its copy says was not compared with it.",
    )
    PICTURE_REDUCED = (
        "picture-reduced",
        "The picture was reduced to 8 bits or RGB for the archive copy; the original is kept.",
    )
    PAGES_RASTERISED = "pages-rasterised", "The pages are kept as pictures, since no faithful repair was possible."
    ACTIVE_CONTENT_REMOVED = (
        "active-content-removed",
        "Scripts, actions or embedded programs are not in the archive copy; the original is kept.",
    )
    ATTACHMENTS_SPLIT_OFF = (
        "attachments-split-off",
        "Files embedded in it are archived beside it as files of their own; the copy no longer holds them.",
    )
    FORM_DATA_APART = (
        "form-data-apart",
        "The form's pages need a program of their own (XFA); its data are archived beside it, the copy shows a notice.",
    )
    HIDDEN_LAYERS = "hidden-layers", "The file has layers that are switched off; the copy has them switched off too."
    SIGNATURE_FACTS = (
        "signature-facts",
        "The original is signed electronically; the copy shows that, but only the original can be checked.",
    )
    PART_NOT_ARCHIVED = (
        "part-not-archived",
        "A file within the file could not be brought to PDF/A; its bytes are in the original.",
    )
    FONT_SUBSTITUTED = (
        "font-substituted",
        "A font that the file names but does not hold is drawn by another one, by what its codes are known to mean.",
    )
    FORM_VALUES_CHANGED = (
        "form-values-changed",
        "Form fields show something else than the values they store, or have no room for them; the text copy has both.",
    )
    ANNOTATIONS_MISSING = (
        "annotations-missing",
        "Comments or marks laid over the pages are not all to be seen on the copy's pages; the original has them.",
    )
    FILE_NOT_CONVERTED = (
        "file-not-converted",
        "This file could not be brought to PDF/A; its original is kept, and there is no copy to show.",
    )
    ATTACHMENT_MISSING = (
        "attachment-missing",
        "An attachment that the register names could not be had; the document is archived without it.",
    )
    PROPERTIES_MISSING = (
        "properties-missing",
        "The item has properties besides its text that the copy does not show; they are in the original.",
    )
    VANISHED_FROM_SOURCE = "vanished-from-source", "A later export of the same system no longer has this."
    NEWER_VERSION_REJECTED = (
        "newer-version-rejected",
        "A later export has another version of this document, which could not be archived; it is in quarantine.",
    )
    REPLACES_UNKNOWN = "replaces-unknown", "The document says it replaces one that the export does not have."
    REPLACES_FROM_CONTENT = (
        "replaces-from-content",
        "Which document it cancels or replaces is said by its content, not by the source's register.",
    )
    REPLACED_FROM_CONTENT = (
        "replaced-from-content",
        "By which document it is cancelled or replaced is said by that document's content, not by the register.",
    )
    CANCELS_ANOTHER = "cancels-another", "The document is a message that cancels an earlier one."
    CHANGES_ANOTHER = "changes-another", "The document is a message that changes or replaces an earlier one."
    ADDS_TO_ANOTHER = "adds-to-another", "The document is a message that adds to an earlier one."
    ADDED_TO = "added-to", "Another document of the journal adds to this one."
    AMENDED = "amended", "The document says that it was changed after it was final."
    STATUS_FROM_CONTENT = (
        "status-from-content",
        "That it is cancelled or replaced is said by its own content, or by that of the message which does so.",
    )


class DocumentProblem(Exception):
    """One document cannot be archived: it goes to quarantine with this reason, and the run goes on.

    Args:
        reason: the stable code.
        detail: a sentence on this very case. Never contains anything about the patient, nor text of the document.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail or reason.sentence}")
        self.reason = reason
        self.detail = detail or reason.sentence

    def __reduce__(self) -> tuple[type[DocumentProblem], tuple[Reason, str]]:
        return (DocumentProblem, (self.reason, self.detail))
