"""Journal notes in RTF, as varied as old systems wrote them, for comparing two ways of showing them. Synthetic."""

from __future__ import annotations

import binascii
import io
from collections.abc import Callable
from random import Random

from PIL import Image, ImageDraw

from archive.normalise.rtfread.words import WITHOUT_EFFECT

_WORDS = """
    pasienten blodtrykk målt ustøt på beina hofte kontroll innlagt sykehus medisin dosett såret rent bandasje
    legevakt tilsyn natt uro smerte behandling pårørende samtale vedtak søknad øre nese hals prøvesvar CRP Hb
    INR Marevan Paracet 500 mg x 3 vekt kg temperatur 37,8 puls regelmessig lunger: fysioterapi rullator trapp
    AVTALE Tone kl. 14:30 (datter) – «sitat» høyre/venstre korttids-opphold Å Æ Ø ernæring væskebalanse
    utskrevet i dag er og det ikke har vært noe nytt siden sist
""".split()  # noqa: SIM905 (a list to be read)
_FACES = (
    ("Arial", r"\fswiss\fcharset0"),
    ("Times New Roman", r"\froman\fprq2\fcharset0"),
    ("Courier New", r"\fmodern\fcharset0"),
    ("Calibri", r"\fswiss\fcharset0"),
    ("Cambria", r"\froman"),
    ("Verdana", r"\fswiss"),
    ("Tahoma", r"\fswiss\fcharset0"),
    ("MS Sans Serif", r"\fswiss"),
    ("Helvetica", r"\fswiss"),
    ("Times", r"\froman"),
    ("Courier", r"\fmodern"),
    ("Georgia", r"\froman"),
)
_USUAL = 4
_ONCE = frozenset(("ansi", "fromhtml", "fromtext"))
"""Words that say what the whole file is."""
_PAGES = ((1252, "cp1252"), (1252, "cp1252"), (1252, "cp1252"), (850, "cp850"), (865, "cp865"), (10000, "mac_roman"))
_PAPERS = (
    r"\paperw11906\paperh16838\margl1134\margr1134\margt1134\margb1134",
    r"\paperw11906\paperh16838\margl1134\margr1134",
    r"\paperw11907\paperh16840\margl1417\margr1417\margt850\margb850",
    r"\paperw16838\paperh11906\margl1134\margr1134\margt1134\margb1134\landscape",
    r"\paperw12240\paperh15840",
    "",
)


def note(seed: int) -> bytes:
    """A note; the same one for the same seed."""
    return _Note(Random(seed)).rtf()


class _Note:
    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.page, self.codec = rng.choice(_PAGES)
        usual = list(_FACES[:_USUAL])
        self.faces = rng.sample(usual, 2) if rng.random() < 0.8 else rng.sample(_FACES, 2)
        self.sprinkled = rng.random() < 0.15
        self.size = rng.choice((18, 20, 20, 21, 22, 22, 24))

    def rtf(self) -> bytes:
        rng = self.rng
        system = {10000: "mac", 850: rng.choice((r"ansi\ansicpg850", "pca"))}.get(
            self.page, rf"ansi\ansicpg{self.page}"
        )
        # A font's character set goes before the document's code page: only where there is none that counts.
        plain = self.page == 1252
        faces = [(name, words if plain else words.partition(r"\fcharset")[0]) for name, words in self.faces]
        fonts = "".join(rf"{{\f{n}{words} {name};}}" for n, (name, words) in enumerate(faces))
        out = [
            rf"{{\rtf1\{system}\deff0\deflang1044{{\fonttbl{fonts}{{\f9\ftech\fcharset2 Symbol;}}}}",
            r"{\colortbl ;\red0\green0\blue128;\red192\green0\blue0;\red255\green255\blue0;\red200\green230\blue200;}",
        ]
        if rng.random() < 0.2:
            out.append(r"{\stylesheet{\s0\f0\fs20 Normal;}{\s1\f1\b\fs28\sbasedon0 heading 1;}}")
        if rng.random() < 0.3:
            out.append(r"{\info{\title Notat}{\author Ola}{\creatim\yr2004\mo3\dy1\hr8\min2}}{\*\generator Epj 4.2;}")
        out.append(rng.choice(_PAPERS) + rng.choice(("", "", r"\deftab708", r"\widowctrl", r"\viewkind4\uc1")))
        if rng.random() < 0.5:
            out.append(r"{\header\pard" + rng.choice((r"\qr", r"\ql", r"\qc")) + rf"\f1\fs16\cf1 {self.text(4)}\par}}")
        elif rng.random() < 0.3:
            out.append(
                rf"{{\header\pard\tx{4000}\tqr\tx9000\f0\fs18 {self.text(2)}\tab {self.text(2)}\tab {self.text(1)}\par"
            )
            out.append(r"\par}")
        if rng.random() < 0.6:
            field = rng.choice(
                (
                    r"side \chpgn",
                    r"side {\field{\*\fldinst PAGE}{\fldrslt 1}} av {\field{\*\fldinst NUMPAGES}{\fldrslt 9}}",
                    r"{\field{\*\fldinst { PAGE  \\* MERGEFORMAT }}{\fldrslt {1}}}",
                )
            )
            out.append(
                r"{\footer\pard"
                + rng.choice((r"\qc", r"\qr", ""))
                + rf"\f1\fs{rng.choice((14, 16))} {self.text(3)} {field}\par}}"
            )
        kinds: list[tuple[Callable[[], str], int]] = [
            (self.prose, 10),
            (self.heading, 3),
            (self.fields, 3),
            (self.bullets, 2),
            (self.numbers, 1),
            (self.table, 2),
            (self.styled, 4),
            (self.spaced, 2),
            (self.indented, 2),
            (self.empty, 3),
            (self.lines, 1),
            (self.picture, 1),
            (self.columns, 1),
            (self.link, 1),
        ]
        makers = [maker for maker, weight in kinds for _ in range(weight)]
        out.append(self.heading())
        for _ in range(rng.choice((3, 6, 10, 16, 30, 60))):
            out.append(rng.choice(makers)())
            if rng.random() < 0.02:
                out.append(r"\pard\f0\fs20\page " + self.prose())
        out.append(rf"\pard\f0\fs{self.size} Signert 01.02.2004" + rng.choice((r"\par}", "}", r"\par }")))
        return "\r\n".join(out).encode("ascii")

    # --- text

    def words(self, count: int) -> str:
        return " ".join(self.rng.choice(_WORDS) for _ in range(count))

    def text(self, count: int) -> str:
        return self.coded(self.words(count))

    def coded(self, text: str) -> str:
        out = []
        for c in text:
            if c in "\\{}":
                out.append("\\" + c)
            elif c < "\x7f":
                out.append(c)
            else:
                try:
                    (byte,) = c.encode(self.codec)
                    escape = rf"\'{byte:02x}"
                except UnicodeEncodeError:
                    escape = rf"\u{ord(c)}?"
                out.append(rf"\u{ord(c)}?" if self.rng.random() < 0.05 else escape)
        return "".join(out)

    def start(self, more: str = "") -> str:
        if self.sprinkled:
            words = self.rng.sample(sorted(WITHOUT_EFFECT - _ONCE), 3)
            more += "".join(rf"\{word}{self.rng.choice((0, 1))}" for word in words)
        return rf"\pard{more}\f{self.rng.choice((0, 0, 1))}\fs{self.size} "

    # --- blocks

    def prose(self) -> str:
        align = self.rng.choice(("", "", "", r"\qj", r"\ql", r"\qc", r"\qr"))
        return self.start(align) + self.text(self.rng.choice((4, 12, 30, 60, 120))) + r"\par"

    def heading(self) -> str:
        return rf"\pard\f1\fs{self.rng.choice((24, 28, 32))}\b\cf1 {self.text(2)}\b0\cf0\fs{self.size}\par"

    def empty(self) -> str:
        return self.start() + r"\par"

    def fields(self) -> str:
        stop = self.rng.choice((1701, 2268, 3000))
        rows = (
            rf"{self.text(1)}:\tab {self.text(self.rng.choice((1, 3, 8)))}\par" for _ in range(self.rng.randint(1, 4))
        )
        return self.start(rf"\tx{stop}") + "\r\n".join(rows)

    def hanging(self) -> str:
        return self.start(r"\li2268\fi-2268") + rf"{self.text(1)}:\tab {self.text(30)}\par"

    def bullets(self) -> str:
        font = self.rng.choice((9, 0))
        item = rf"{{\pntext\f{font}\'b7\tab}}" if font else r"{\pntext\f0 -\tab}"
        sign = r"\'b7" if font else " -"
        head = rf"{{\*\pn\pnlvlblt\pnf{font}\pnindent0{{\pntxtb{sign}}}}}"
        if self.codec != "cp1252":
            return self.hanging()
        first = self.start(r"\fi-360\li720").replace(r"\pard", rf"\pard{item}{head}", 1)
        rest = [rf"{item}{self.text(self.rng.choice((3, 25)))}\par" for _ in range(self.rng.randint(0, 3))]
        return first + self.text(5) + r"\par" + "\r\n".join(["", *rest])

    def numbers(self) -> str:
        lines = [rf"{n}.\tab {self.text(self.rng.choice((4, 30)))}\par" for n in range(1, 4)]
        return self.start(r"\fi-360\li360\tx360") + "\r\n".join(lines)

    def styled(self) -> str:
        marks = (
            r"\b",
            r"\i",
            r"\ul",
            r"\b\i",
            r"\strike",
            r"\cf2",
            r"\highlight3",
            r"\super",
            r"\sub",
            r"\f1",
            r"\fs28",
            r"\fs16",
            r"\caps",
            r"\kerning0",
        )
        parts = (
            rf"{{{self.rng.choice(marks)} {self.text(self.rng.randint(1, 5))}}}"
            if self.rng.random() < 0.4
            else self.text(3)
            for _ in range(self.rng.randint(2, 12))
        )
        return self.start() + " ".join(parts) + r"\par"

    def spaced(self) -> str:
        spacing = self.rng.choice(
            (
                r"\sb120\sa60",
                r"\sa200\sl276\slmult1",
                r"\sl360\slmult1",
                r"\sl240\slmult1",
                r"\sb240",
                r"\sl-280",
                r"\sl320\slmult0",
                r"\sa120\qj",
                r"\keepn\sb120",
                r"\keep",
            )
        )
        return self.start(spacing) + self.text(self.rng.choice((5, 40))) + r"\par"

    def indented(self) -> str:
        indent = self.rng.choice(
            (r"\li567", r"\li567\ri567", r"\fi567", r"\li1134\fi-567", r"\ri2000", r"\li720\fi360")
        )
        return self.start(indent) + self.text(self.rng.choice((5, 40))) + r"\par"

    def lines(self) -> str:
        return (
            self.start(self.rng.choice(("", r"\qj")))
            + rf"{self.text(4)}\line {self.text(20)}\line\line {self.text(3)}\par"
        )

    def columns(self) -> str:
        stops = r"\tx2000\tx4000\tqr\tx6500\tqc\tx8000"
        row = r"\tab ".join(self.text(1) for _ in range(self.rng.randint(2, 5)))
        return self.start(stops) + row + r"\par\pard\f0 " + self.text(1) + r"\tab " + self.text(1) + r"\tab x\par"

    def link(self) -> str:
        return (
            self.start()
            + r"se {\field{\*\fldinst{HYPERLINK "
            + '"http://example.invalid/a"'
            + r"}}{\fldrslt{\ul\cf1 lenke}}} her\par"
        )

    def table(self) -> str:
        rng = self.rng
        count = rng.randint(1, 4)
        width = 9000 // count
        border = rng.choice(("", "", r"\brdrs", r"\brdrs\brdrw10", r"\brdrs\brdrw15\brdrcf2"))
        edge = "".join(rf"\clbrdr{side}{border}" for side in "tlbr") if border else ""
        fill = r"\clcbpat4" if rng.random() < 0.2 else ""
        rows = []
        gap = rng.choice((70, 108))
        height = rng.choice(("", "", r"\trrh500", r"\trkeep"))
        for number in range(rng.choice((1, 3, 6))):
            edges = "".join(rf"{edge}{fill if number == 0 else ''}\cellx{width * (n + 1)}" for n in range(count))
            cells = "".join(
                rng.choice(("", r"\b "))
                + self.text(rng.choice((1, 2, 15)))
                + r"\b0"
                + rng.choice(("", "", r"\par x"))
                + r"\cell "
                for _ in range(count)
            )
            align = rng.choice(("", "", r"\qr", r"\qc"))
            rows.append(rf"\trowd\trgaph{gap}{height}{edges}\pard\intbl{align}\f0\fs{self.size} {cells}\row")
        return "\r\n".join(rows) + "\r\n\\pard\\par"

    def picture(self) -> str:
        image = Image.new("RGB", (80, 40), (255, 255, 255))
        ImageDraw.Draw(image).ellipse((5, 5, 75, 35), fill=(self.rng.randrange(256), 90, 160))
        target = io.BytesIO()
        kind = self.rng.choice(("png", "jpeg"))
        image.save(target, kind.upper())
        data = binascii.hexlify(target.getvalue()).decode()
        hexadecimal = "\r\n".join(data[at : at + 128] for at in range(0, len(data), 128))
        picture = rf"{{\pict\{kind}blip\picw80\pich40\picwgoal1600\pichgoal800 {hexadecimal}}}"
        return (
            self.start()
            + (picture if self.rng.random() < 0.5 else rf"{self.text(2)} {picture} {self.text(1)}")
            + r"\par"
        )
