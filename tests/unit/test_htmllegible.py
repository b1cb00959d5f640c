"""What HTML says by other means than words stands on the page and in the text copy."""

from __future__ import annotations

import base64
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.normalise.contract import Limits, Made
from archive.normalise.html import html
from archive.normalise.htmllegible import made_legible
from archive.reasons import Flag


def made(tmp_path: Path, content: str) -> Made:
    source, out = tmp_path / "source.html", tmp_path / "out.pdf"
    source.write_text(f"<meta charset=utf-8>{content}", encoding="utf-8")
    out.unlink(missing_ok=True)
    return html(source, out, Limits())


def legible(content: str) -> tuple[str, list[str], list[str]]:
    """The words of a page as it is laid out; what is not seen, and what stands apart."""
    import weasyprint

    root = weasyprint.HTML(string=content).etree_element
    found = made_legible(root, content)
    body = next(e for e in root.iter() if e.tag == "body")
    return " ".join("".join(body.itertext()).split()), found.unseen, found.apart


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("10<sup>9</sup>/l 10<sup>-3</sup> CO<sub>2</sub>", "10⁹/l 10⁻³ CO₂"),
        ("10<sup>1,5</sup> x<sub>1.5</sub>", "10^(1,5) x_(1.5)"),
        ("10<sup><b><i>9</i></b></sup> ord<sup><a href=#f>1</a></sup>", "10⁹ ord¹"),
        ("10<span style='vertical-align: super'>9</span>", "10⁹"),
        ("<style>span.x{vertical-align:super}</style>10<span class=x>9</span>, 10<span>9</span>", "10⁹, 109"),
        ("1<sup>st</sup> n<sup> </sup>", "1st n"),
        ("<style>sub,sup{vertical-align:baseline;font:inherit}</style>2<sup>80</sup>", "2⁸⁰"),
        ("<s>a</s><ins>b</ins>", "[strøket: a][satt inn: b]"),
        ("x <del>a <s>b</s></del> <strike> c</strike>", "x [strøket: a b] [strøket: c]"),
        ("<del><p>a</p><p>b</p></del>c", "[strøket: ab]c"),
        ("<style>.u{text-decoration:line-through}</style><b class=u>a</b><b>b</b>", "[strøket: a]b"),
        ("<table><tr style='text-decoration:line-through'><td>a<td>b</table>", "[strøket: a][strøket: b]"),
        ("<del></del><s> </s>a", "a"),
        ("<ol><li>a</li> <li value=4>b</li> <li>c</ol>", "1. a 4. b 5. c"),
        ("<ol type=A start=2 reversed><li>a <li>b</ol>", "B. a A. b"),
        ("<ul><li><p>a</p></li><li><table><tr><td>b</table></li></ul>", "• a• b"),
        ("<ol style='list-style-type:lower-roman'><li>a</ol>", "a"),
        ("<style>li{list-style:none}</style><ol><li>1) a</ol>", "1) a"),
        ("<style>li{counter-increment:n}</style><ol><li>a</ol>", "a"),
        ("<input type=checkbox checked>a<input type=checkbox>b", "☑a☐b"),
        ("<input type=radio>a<input type=RADIO checked>b", "○a◉b"),
        ("<input value=' x y '>a<input type=date value=2020-01-02>", "x y a2020-01-02"),
        ("<select><option>a<option selected>b</select>", "b"),
        ("<select><option>a<option>b</select>", "a"),
        ("<select multiple><option>a<option selected>b</select>", "☐ a ☑ b"),
        ("<textarea>\na\nb</textarea>", "a b"),
        ("<meter value=3 max=10>t</meter> <progress value=2></progress>", "3 av 10 2 av 1"),
        ("<iframe srcdoc='&lt;p&gt;10&lt;sup&gt;9&lt;/sup&gt;'></iframe>b", "10⁹b"),
        ("<iframe src='data:text/html,%3Cp%3Ea'></iframe>", "a"),
        (f"<iframe src='data:text/html;base64,{base64.b64encode(b'<p>a').decode()}'></iframe>", "a"),
        ("<title>T x</title>a", "T xa"),
        ("<title>a</title>b a c", "b a c"),
    ],
)
def test_it_is_put_into_words(content: str, said: str) -> None:
    assert legible(content)[0] == said


def test_what_nobody_sees_and_what_stands_apart_is_told() -> None:
    content = (
        "<template>mal</template><input type=hidden value=skjult><p style='opacity:0'>borte</p>"
        "<p style='color: transparent'>glass</p><abbr title='lang form'>LF</abbr><img src='data:,' alt='bilde'>"
        "<p style='opacity:0.5'>dus</p>"
    )
    _, unseen, apart = legible(content)
    assert unseen == ["mal", "skjult", "borte", "glass"]
    assert apart == ["lang form", "bilde"]


def test_page_and_text_copy_say_the_same(tmp_path: Path) -> None:
    content = (
        "<title>Notat</title><p>Leuk 10<sup>9</sup>/l <s>Marevan</s> Eliquis</p><ol><li>Ett<li>To</ol>"
        f"<form><input value='{'ganske lang verdi ' * 8}slutt'><input type=checkbox checked>Samtykke</form>"
        "<div style='height:15px;overflow:hidden'>en<br>to<br>tre</div>"
    )
    result = made(tmp_path, content)
    with pypdfium2.PdfDocument(result.pdf) as document:
        page = " ".join(document[0].get_textpage().get_text_range().split())
        boxes = document[0].get_textpage()
        place = boxes.search("slutt").get_next()
        assert place is not None
        right = boxes.get_charbox(place[0] + 4)[2]
        assert right < document[0].get_width() - 20, "a long value is not cut off"
    said = " ".join((result.text or "").split())
    for words in ("10⁹/l [strøket: Marevan] Eliquis", "1. Ett 2. To", "☑Samtykke", "tre", "Notat"):
        assert words in page
        assert words in said
    assert not result.flags


def test_a_box_of_fixed_height_shows_all_that_is_in_it(tmp_path: Path) -> None:
    content = "<style>.k{max-height:10px;overflow-y:hidden}</style><div class=k>en<br>to<br>tre</div><p>bak</p>"
    with pypdfium2.PdfDocument(made(tmp_path, content).pdf) as document:
        page = document[0].get_textpage()

        def top(what: str) -> float:
            place = page.search(what).get_next()
            assert place is not None
            return float(page.get_charbox(place[0])[3])

        assert top("en") > top("to") > top("tre") > top("bak")


def test_descriptions_are_in_the_text_copy_without_a_flag(tmp_path: Path) -> None:
    result = made(tmp_path, "<p>Har <abbr title='kronisk lungesykdom'>KOLS</abbr></p>")
    assert "kronisk lungesykdom" in (result.text or "")
    assert not result.flags


def test_comments_that_steer_browsers_are_no_words(tmp_path: Path) -> None:
    result = made(tmp_path, "<p>a</p><!--[if !mso]><!--><p>b</p><!--<![endif]--><!-- endret av lege -->")
    assert "endif" not in (result.text or "")
    assert "endret av lege" in (result.text or "")
    assert [f.code for f in result.flags] == [Flag.HIDDEN_TEXT]
    hidden = made(tmp_path, "<!--[if mso]><p>for Word</p><![endif]-->").text or ""
    assert "for Word" in hidden
    assert "<p>" not in hidden


TREES = st.recursive(
    st.sampled_from(["ord", " ", "9", "ord9"]),
    lambda inner: st.tuples(
        st.sampled_from(["p", "ol", "ul", "li", "table", "td", "sup", "s", "del", "ins", "span style='opacity:0'"]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=20,
)


def written(tree: object) -> str:
    if isinstance(tree, tuple):
        return f"<{tree[0]}>{''.join(map(written, tree[1]))}</{tree[0].split()[0]}>"
    return str(tree)


@given(st.lists(TREES, min_size=1, max_size=4))
def test_no_word_goes(trees: list[object]) -> None:
    import weasyprint

    content = "".join(map(written, trees))
    before = "".join(weasyprint.HTML(string=content).etree_element.itertext())
    assert legible(content)[0].count("ord") == before.count("ord")
