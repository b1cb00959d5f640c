"""The completeness report for people: plain text, and one HTML file that needs nothing else and prints well.

Both are made from the report's plain form alone, so whatever is in them is in the JSON too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from archive.fidelity.table import COLUMNS, fidelity_rows
from archive.reasons import Flag, Reason
from archive.reconcile import DifferenceCode

_COLUMNS = ("rows", "archived", "quarantined", "excluded", "duplicates", "unaccounted")
_BREAKDOWNS = (("type", "by_type"), ("year", "by_year"), ("unit", "by_unit"), ("service", "by_service"))
_FINDING_SENTENCES = {
    "orphan-file": "Files of the export that no row names.",
    "duplicate-row": "Rows that repeat a document's row word for word.",
    "conflicting-row": "Rows that claim a document's key and say otherwise.",
    "duplicate-patient-row": "Rows that repeat a patient's row word for word.",
    "conflicting-patient-row": "Rows that claim a patient's key and say otherwise.",
    "vanished": "Documents of earlier exports that the newest no longer has.",
}


def render_text(report: Mapping[str, Any]) -> str:
    """The report as plain text; breakdowns are left to the HTML and JSON."""
    holdings, seal, r = report["holdings"], report["seal"], report["reconciliation"]
    lines = [
        f"{report['archive']['system_name']} {report['archive']['system_version']}".rstrip()
        + f" - archive {report['archive']['id']}",
        f"{report['generated']}  {report['software']}",
        "",
        f"{holdings['documents']} documents ({holdings['blocked']} blocked) of {holdings['patients']} patients in"
        f" {holdings['packages']} packages; {holdings['files']} files, {holdings['pages']} pages",
        f"Validated copies: {_validated(report)}",
        f"Looked at on disk: {_looked_at(report)}",
    ]
    if r is not None:
        lines += ["", f"{'source rows':>14} {r['totals']['rows']:>10}"]
        lines += [f"{name:>14} {r['totals'][name]:>10}" for name in _COLUMNS[1:]]
    for title, counts, sentences in _counters(report):
        if counts:
            lines += ["", f"{title}:"]
            lines += [f"{count:>10}  {code}  {sentences.get(code, '')}".rstrip() for code, count in counts.items()]
    if report["fidelity"] is not None:
        lines += ["", _fidelity_title(report["fidelity"]), "", *_columns([COLUMNS, *fidelity_rows(report["fidelity"])])]
    lines += ["", f"Merkle root of {seal['packages']} packages: {seal['merkle_root']}", _conclusion(report)]
    if r is not None:
        lines += [f"  {d['code']} {d['subject']}: {d['expected']} != {d['found']}" for d in r["differences"][:20]]
    return "\n".join(lines) + "\n"


def render_html(report: Mapping[str, Any]) -> str:
    """The report as one self-contained HTML page; nothing is fetched, no person is named."""
    holdings, seal, r, archive = report["holdings"], report["seal"], report["reconciliation"], report["archive"]
    system = f"{archive['system_name']} {archive['system_version']}".strip()
    body = [
        f"<h1>Completeness certificate</h1><p class=lead>{escape(system)}"
        + (f", {escape(archive['owner_name'])}" if archive["owner_name"] else "")
        + "</p>",
        f"<p class={'good' if report['reconciled'] else 'bad'}>{escape(_conclusion(report))}</p>",
        _facts(
            ("Archive id", archive["id"]),
            ("Owner's organisation number", archive["owner_number"]),
            ("Made at", report["generated"]),
            ("Made by", report["software"]),
            ("Documents", f"{holdings['documents']} ({holdings['blocked']} blocked)"),
            ("Patients", holdings["patients"]),
            ("Packages", f"{holdings['packages']} ({holdings['current']} current)"),
            ("Files, pages", f"{holdings['files']} ({holdings['parts']} found within others), {holdings['pages']}"),
            ("Validated copies", _validated(report)),
            ("Looked at on disk", _looked_at(report)),
            ("Bytes of originals / PDF/A / packages", _bytes(holdings)),
            ("Merkle root (RFC 9162, SHA-256)", seal["merkle_root"]),
            ("Over the lines of", f"seals/{seal['manifest']}" if seal["manifest"] else "-"),
        ),
    ]
    if r is not None:
        body.append("<h2>Where every row of the source went</h2>")
        body.append(_table(("", *_COLUMNS), [("total", *(r["totals"][c] for c in _COLUMNS))]))
        for name, key in _BREAKDOWNS:
            names = report["type_names"] if key == "by_type" else {}
            rows = [
                (" ".join(filter(None, (code or "-", names.get(code)))), *(tally[c] for c in _COLUMNS))
                for code, tally in r[key].items()
            ]
            body.append(f"<h3>By {name}</h3>" + _table((name, *_COLUMNS), rows))
        if r["difference_count"]:
            meanings = {code.value: code.sentence for code in DifferenceCode}
            rows = [(d["code"], meanings[d["code"]], d["subject"], d["expected"], d["found"]) for d in r["differences"]]
            body.append(f"<h2>{r['difference_count']} differences</h2>")
            body.append(_table(("code", "meaning", "subject", "expected", "found"), rows))
    for title, counts, sentences in _counters(report):
        if counts:
            head: tuple[str, ...] = ("code", "meaning", "count") if sentences else ("name", "count")
            rows = [
                (code, sentences.get(code, ""), count) if sentences else (code, count) for code, count in counts.items()
            ]
            body.append(f"<h2>{escape(title)}</h2>" + _table(head, rows))
    if report["fidelity"] is not None:
        body.append(f"<h2>{escape(_fidelity_title(report['fidelity']))}</h2>")
        body.append(_table(COLUMNS, list(fidelity_rows(report["fidelity"]))))
        worst = [
            (f"{w['document']} / {w['seq']}", _share(w["words_kept"]), _pages(w), _share(w["difference"]))
            for r in report["fidelity"]["routes"]
            for w in r["worst"]
        ]
        if worst:
            body.append("<h3>The files that differ most</h3>")
            body.append(_table(("document / file", "words kept", "pages", "picture difference"), worst))
    return _PAGE.format(title=escape(f"Completeness certificate, {system}"), body="\n".join(body))


def _conclusion(report: Mapping[str, Any]) -> str:
    r = report["reconciliation"]
    if r is None:
        return "Not reconciled: the work register is gone, so nothing says what the source held."
    if not r["balanced"]:
        return f"NOT RECONCILED: {r['difference_count']} difference(s) between source, register and archive."
    return "Reconciled: every row of the source is archived, quarantined, excluded or a duplicate."


def _looked_at(report: Mapping[str, Any]) -> str:
    """What was looked at on disk, and what was not."""
    r = report["reconciliation"]
    if r is None or r["checked"]["packages"] is None:
        return "no package; `journalarkiv verify` looks at all"
    return (
        f"{r['checked']['packages']} packages by name and size; their content was not read (`journalarkiv verify` does)"
    )


def _counters(report: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, int], Mapping[str, str]]]:
    yield "Quarantined, by reason", report["quarantined"], {r.value: r.sentence for r in Reason}
    if report["reconciliation"] is not None:
        yield "Excluded, by rule", report["reconciliation"]["excluded"], {}
        yield "Findings about the newest export", report["reconciliation"]["findings"], _FINDING_SENTENCES
    yield "Flags", report["flags"], {f.value: f.sentence for f in Flag}
    yield "Validators", report["engines"], {}
    yield "Routes to PDF/A", report["routes"], {}
    yield "PDF/A levels", report["flavours"], {}


def _validated(report: Mapping[str, Any]) -> str:
    """How many copies have a verdict; where some have none, also what the runs were told."""
    v = report["validation"]
    if not v["unjudged"]:
        return f"all {v['judged']}"
    asked = ", ".join(f"{told} in {count} run(s)" for told, count in v["asked"].items())
    return f"{v['judged']}; {v['unjudged']} have no verdict (asked: {asked or 'not recorded'})"


def _fidelity_title(fidelity: Mapping[str, Any]) -> str:
    return (
        f"Fidelity: up to {fidelity['per_route']} files of each route compared with their originals (seed"
        f" {fidelity['seed']})"
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _pages(worst: Mapping[str, Any]) -> str:
    return f"{worst['copy_pages']} of {worst['pages']}" if worst["pages"] is not None else str(worst["copy_pages"])


def _columns(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return ["  ".join(f"{cell:{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in table]


def _bytes(holdings: Mapping[str, int]) -> str:
    return " / ".join(f"{holdings[name]:,}" for name in ("original_bytes", "archive_bytes", "package_bytes"))


def _facts(*facts: tuple[str, object]) -> str:
    rows = "".join(f"<tr><th scope=row>{escape(name)}<td>{escape(str(value))}" for name, value in facts if value != "")
    return f"<table class=facts>{rows}</table>"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    def cell(value: object) -> str:
        return f"<td class=n>{value:,}" if isinstance(value, int) else f"<td>{escape(str(value))}"

    words = ("code", "meaning", "subject", head[0])
    header = "".join(f"<th scope=col{'' if name in words else ' class=n'}>{escape(name)}" for name in head)
    return f"<table><tr>{header}" + "".join(f"<tr>{''.join(map(cell, row))}" for row in rows) + "</table>"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; color: #1b1b1b; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
h1 {{ margin: 0 }} .lead {{ font-size: 1.2rem; margin-top: 0 }}
.good, .bad {{ padding: .7rem 1rem; border-left: .4rem solid #06702f; background: #eef7f0; font-weight: 600 }}
.bad {{ border-color: #b3121d; background: #fbeeee }}
table {{ border-collapse: collapse; margin: .5rem 0 1.5rem; width: 100% }}
th, td {{ text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #ccc; vertical-align: top }}
td.n, th.n {{ text-align: right; font-variant-numeric: tabular-nums }}
.facts td {{ overflow-wrap: anywhere }} .facts th {{ font-weight: 400; width: 40% }}
@page {{ size: A4; margin: 18mm }}
@media print {{ body {{ font-size: 9pt; margin: 0; max-width: none }} h2, h3 {{ break-after: avoid }} \
tr {{ break-inside: avoid }} }}
</style></head><body>
{body}
</body></html>
"""
