"""Structural repairs that PDF/A-2 asks for and that change no page: annotations, optional content, font descriptors.

What is repaired, and why it is safe, follows ISO 19005-2; which rules real files break most was measured (see
docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Iterator

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from archive.normalise.annotations.fields import inherited, kind_of
from archive.normalise.annotations.settle import as_picture

_BUTTON = Name.Btn
_ACTION_KEYS = ("/AA", "/OpenAction")
_FORBIDDEN_ANNOTATIONS = frozenset(
    ("/FileAttachment", "/Sound", "/Movie", "/Screen", "/3D", "/RichMedia", "/TrapNet", "/PrinterMark")
)
_ALLOWED_ACTIONS = frozenset(("/GoTo", "/GoToR", "/GoToE", "/URI", "/Thread", "/Named", "/SubmitForm"))
_ALLOWED_NAMED = frozenset(("/NextPage", "/PrevPage", "/FirstPage", "/LastPage"))


def active_content(pdf: pikepdf.Pdf) -> int:
    """Remove scripts, forbidden actions, embedded files, sounds and films (ISO 19005-2, 6.3.1, 6.4, 6.5, 6.8).

    Returns:
        How many were removed; files not counted, which are content and are dealt with apart.
    """
    removed = _removed_from_catalog(pdf)
    for page in pdf.pages:
        removed += _without(page.obj, "/AA")
        annotations = page.obj.get("/Annots")
        if not isinstance(annotations, Array):
            continue
        kept = []
        for annotation in annotations:
            if not isinstance(annotation, Dictionary):
                continue
            kind = kind_of(annotation)
            if kind in _FORBIDDEN_ANNOTATIONS:
                removed += kind != "/FileAttachment"
                if as_picture(annotation):
                    kept.append(annotation)
                continue
            removed += _without_actions(annotation)
            kept.append(annotation)
        page.obj.Annots = Array(kept)
    for field in fields(pdf):
        removed += _without_actions(field)
    return removed


def appearances(pdf: pikepdf.Pdf) -> None:
    """Give every annotation the one normal appearance it must have (6.3.3); an empty one where it has none.

    A comment without an appearance (LibreOffice writes such) stays readable in the viewer's comment list.
    """
    for page in pdf.pages:
        current = page.obj.get("/Annots")
        if not isinstance(current, Array):
            if current is not None:
                del page.obj["/Annots"]
            continue
        page.obj.Annots = Array([a for a in current if isinstance(a, Dictionary) and _with_appearance(pdf, a)])


def structure(pdf: pikepdf.Pdf) -> None:
    """The rest: font descriptors, CID maps, optional content, forms."""
    form = pdf.Root.get("/AcroForm")
    if isinstance(form, Dictionary):
        for key in ("/NeedAppearances", "/XFA"):
            _without(form, key)
    _optional_content(pdf)
    for value in pdf.objects:
        if isinstance(value, Stream):
            _image(value)
        elif isinstance(value, Dictionary):
            _font(value)


def _removed_from_catalog(pdf: pikepdf.Pdf) -> int:
    root = pdf.Root
    removed = _without(root, "/AA")
    action = root.get("/OpenAction")
    if isinstance(action, Dictionary) and not _allowed(action):
        removed += _without(root, "/OpenAction")
    names = root.get("/Names")
    if isinstance(names, Dictionary):
        removed += _without(names, "/JavaScript")
        for key in ("/EmbeddedFiles", "/AlternatePresentations"):
            _without(names, key)
    for key in ("/Collection", "/AF", "/Requirements", "/Perms", "/NeedsRendering"):
        _without(root, key)
    form = root.get("/AcroForm")
    if isinstance(form, Dictionary):
        removed += _without(form, "/XFA")
    return removed


def fields(pdf: pikepdf.Pdf) -> Iterator[Dictionary]:
    """All form fields, the inner ones included."""
    form = pdf.Root.get("/AcroForm")
    stack = list(form.get("/Fields", [])) if isinstance(form, Dictionary) else []
    seen: set[tuple[int, int]] = set()
    while stack:
        field = stack.pop()
        if not isinstance(field, Dictionary) or (field.objgen != (0, 0) and field.objgen in seen):
            continue
        seen.add(field.objgen)
        yield field
        kids = field.get("/Kids")
        if isinstance(kids, Array):
            stack.extend(kids)


def _without(holder: pikepdf.Object, key: str) -> int:
    if key in holder:
        del holder[key]
        return 1
    return 0


def _without_actions(holder: Dictionary) -> int:
    removed = _without(holder, "/AA")
    action = holder.get("/A")
    if isinstance(action, Dictionary) and not _allowed(action):
        removed += _without(holder, "/A")
    return removed


def _allowed(action: Dictionary, depth: int = 0) -> bool:
    kind = str(action.get("/S"))
    if kind not in _ALLOWED_ACTIONS or depth > 8:
        return False
    if kind == "/Named" and str(action.get("/N")) not in _ALLOWED_NAMED:
        return False
    following = action.get("/Next")
    chain = list(following) if isinstance(following, Array) else [following] if following is not None else []
    return all(isinstance(a, Dictionary) and _allowed(a, depth + 1) for a in chain)


def _with_appearance(pdf: pikepdf.Pdf, annotation: Dictionary) -> bool:
    """Repair one annotation; False where it must go."""
    kind = kind_of(annotation)
    if kind == "/Popup":
        return True
    if kind == "/Link":
        _without(annotation, "/AP")
        return True
    box = _box(annotation)
    appearance = annotation.get("/AP")
    button = kind == "/Widget" and inherited(annotation, "/FT") == _BUTTON
    if isinstance(appearance, Dictionary):
        for key in ("/D", "/R"):
            _without(appearance, key)
        normal = appearance.get("/N")
        if isinstance(normal, Stream):
            if button:
                appearance.N = Dictionary({"/Off": normal})
                annotation.AS = Name.Off
            return True
        if isinstance(normal, Dictionary) and len(normal):
            return button or _one_state(annotation, appearance, normal)
    if box is not None and (box[0] != box[2] or box[1] != box[3]):
        form = pdf.make_stream(b"")
        form.Type, form.Subtype = Name.XObject, Name.Form
        form.BBox = Array([0, 0, abs(box[2] - box[0]), abs(box[3] - box[1])])
        annotation.AP = Dictionary(N=Dictionary({"/Off": form}) if button else form)
        if button:
            annotation.AS = Name.Off
    elif box is None:
        return False
    else:
        _without(annotation, "/AP")
    return True


def _one_state(annotation: Dictionary, appearance: Dictionary, normal: Dictionary) -> bool:
    state = annotation.get("/AS")
    chosen = normal.get(str(state)) if state is not None else None
    if chosen is None:
        chosen = next((v for _, v in normal.items() if isinstance(v, Stream)), None)
    if chosen is None:
        return False
    appearance.N = chosen
    return True


def _box(annotation: Dictionary) -> list[float] | None:
    try:
        box = [float(x) for x in annotation.Rect]
    except (AttributeError, TypeError, ValueError, KeyError):
        return None
    return box if len(box) == 4 else None


def _font(value: Dictionary) -> None:
    # A wrong CIDSet or CharSet breaks a rule, an absent one does not (6.2.11.4.2).
    if value.get("/Type") in (Name.FontDescriptor, None):
        for key in ("/CIDSet", "/CharSet"):
            _without(value, key)
    descriptor = value.get("/FontDescriptor")
    if (
        value.get("/Subtype") == Name.CIDFontType2
        and "/CIDToGIDMap" not in value
        and isinstance(descriptor, Dictionary)
        and "/FontFile2" in descriptor
    ):
        value.CIDToGIDMap = Name.Identity  # the default that viewers assume (6.2.11.3.2)


def _image(stream: Stream) -> None:
    for key in ("/Alternates", "/OPI"):
        _without(stream, key)
    if stream.get("/Subtype") == Name.Form:
        for key in ("/PS", "/Ref", "/Subtype2"):
            _without(stream, key)


def _optional_content(pdf: pikepdf.Pdf) -> None:
    """Unique names, no automatic states, every group in the order list (6.9)."""
    properties = pdf.Root.get("/OCProperties")
    if not isinstance(properties, Dictionary):
        return
    others = properties.get("/Configs")
    names: set[str] = set()
    for number, config in enumerate([properties.get("/D"), *(others if isinstance(others, Array) else [])]):
        if not isinstance(config, Dictionary):
            continue
        _without(config, "/AS")
        name = str(config.get("/Name", ""))
        if not name or name in names:
            name = f"Configuration {number}"
            config.Name = pikepdf.String(name)
        names.add(name)
        order = config.get("/Order")
        if isinstance(order, Array):
            listed = set(_listed(order))
            for group in properties.get("/OCGs", []):
                if group.objgen not in listed:
                    order.append(group)


def _listed(order: Array, depth: int = 0) -> Iterator[tuple[int, int]]:
    for entry in order:
        if isinstance(entry, Array):
            if depth < 32:
                yield from _listed(entry, depth + 1)
        elif isinstance(entry, Dictionary):
            yield entry.objgen


def hidden_layers(pdf: pikepdf.Pdf) -> int:
    """How many layers (optional content groups) are not shown when the file is opened."""
    properties = pdf.Root.get("/OCProperties")
    config = properties.get("/D") if isinstance(properties, Dictionary) else None
    if not isinstance(properties, Dictionary) or not isinstance(config, Dictionary):
        return 0

    def listed(holder: Dictionary, key: str) -> set[tuple[int, int]]:
        groups = holder.get(key)
        return {g.objgen for g in groups if isinstance(g, Dictionary)} if isinstance(groups, Array) else set()

    every = listed(properties, "/OCGs")
    off = listed(config, "/OFF")
    return len(every - listed(config, "/ON") if config.get("/BaseState") == Name.OFF else every & off)
