"""The control words and destinations that are proven, besides those that the reader's own tables act upon: what is in
neither place is not ours to render."""

from __future__ import annotations

SKIPPED_DESTINATIONS = frozenset(
    """
    aftncn aftnsep aftnsepc bkmkend bkmkstart blipuid cocoaembedding colorschememapping datastore docvar
    expandedcolortbl falt fchars filetbl fname ftncn ftnsep ftnsepc generator hlinkbase info latentstyles lchars
    listoverridetable listtable mmathPr nonshppict operator panose password passwordhash pgptbl picprop pn
    pnseclvl protusertbl revtbl rsidtbl template themedata userprops wgrffmtfilter xmlnstbl
    """.split()  # noqa: SIM905 (a list to be read)
)
"""Destinations with nothing in them that is seen. A list that is used (`\\ls`) is passed on by that word."""

WITHOUT_EFFECT = frozenset(
    """
    adeff adeflang adjustright aenddoc afelev aftnnar aftnnrlc aftnrstcont aftnstart alang allowfieldendsel
    alntblind ansi asianbrkrule aspalpha aspnum cachedcolbal cgrid charrsid cocoaplatform cocoartf cocoasubrtf
    cocoatextscaling deflang deflangfe delrsid dghorigin dghshow dghspace dgmargin dgvorigin dgvshow dgvspace
    dntblnsbdb donotembedlingdata donotembedsysfont endnhere expshrtn faauto fcs felnbrelev fet formshade
    fromhtml fromtext ftnbj ftnlytwnine ftnnar ftnrstcont ftnstart grfdocevents horzdoc htmautsp hwelev hyphhotz
    ignoremixedcontent ilfomacatclnup indrlsweleven insrsid krnprsnet lang langfe langfenp langnp linex
    lnbrkrule ltrpar ltrsect lytcalctblwd lytprtmet lyttblrtgr newtblstyruls noafcnsttbl nocxsptable
    nofeaturethrottle nogrowautofit noindnmbrts nolnhtadjtbl nooverflow noproof noqfpromote nosnaplinegrid
    notbrkcnstfrctbl notcvasp notvatxbx nouicompat noultrlspc noxlattoyen outlinelevel pararsid pardeftab
    pardirnatural partightenfactor pgbrdrfoot pgbrdrhead pgncont pgndec qnatural readonlyrecommended relyonvml
    remdttm rempersonalinfo rsidroot saftnnar saftnnrlc saveinvalidxml sbknone sbkpage sectdefaultcl
    sectlinegrid sectrsid sectunlocked sftnbj sftnnar shidden showplaceholdtext showxmlerrors snaptogridincell
    spltpgpar splytwnine stshfbi stshfdbch stshfhich stshfloch themelang themelangcs themelangfe trackformatting
    trackmoves usenormstyforlist utinl validatexml viewbksp viewh viewkind viewnobound viewscale vieww viewzk
    wrapdefault wrppunct
    """.split()  # noqa: SIM905 (a list to be read)
)
"""Words that do not change what is seen in a text that is written from left to right and has no list of Word's: the
program and its view, proofing and languages, revision marks' numbers, associated (right-to-left, East Asian) fonts,
notes that are not there, rules of Word's layout that LibreOffice's follows without, or measured without difference."""

WITHOUT_EFFECT_ON_ROWS = frozenset(
    """
    clshdrawnil cltxlrtb clvertalt irow irowband lastrow ltrrow tbllkbestfit tbllkborder tbllkcolor tbllkfont
    tbllkhdrcols tbllkhdrrows tbllklastcol tbllklastrow tbllknocolband tbllknorowband tbllkshading tblrsid
    trpaddfb trpaddfl trpaddfr trpaddft trql
    """.split()  # noqa: SIM905 (a list to be read)
)
"""The same for words of a table's row."""

WHERE_ZERO = frozenset(
    """
    absh absw animtext cb chcfpat chshdng clcfpat clpadfl clshdng contextualspace cufi culi curi deleted dn
    dropcapli embo expnd expndtw gutter gutterprl hyphauto hyphconsec hyphpar impr linemod lisa lisb margmirror
    outl posx posy revised saauto sbauto scaps shad shading striked trpaddb trpaddt trspdb trspdfb trspdfl
    trspdfr trspdft trspdl trspdr trspdt uld uldash uldashd uldashdd uldb ulhwave ulth ulwave up v
    """.split()  # noqa: SIM905 (a list to be read)
)
"""Words that are proven only where their parameter is 0, which takes back what they do."""

DECLINED = frozenset(
    """
    absh absw annotation atnauthor atndate atnid atnref atrfend atrfstart bin box brdrb brdrbar brdrbtw brdrdash
    brdrdb brdrdot brdrhair brdrl brdrr brdrsh brdrt brdrth brdrtriple brsp cbpat cell charscalex chatn chftn
    clFitText clNoWrap clcfpat clmgf clmrg cltxbtlr cltxtbrl clvertalb clvertalc clvmgf clvmrg cols column cufi
    defchp defpap deleted dibitmap dn do dobxpage dptxbx dropcapli emfblip endnote facingp fldinst footerf
    footerl footerr footnote formfield frmtxbtlr gutter headerf headerl headerr hich hyphauto hyphen ilvl
    levelnumbers levelpicture listlevel listtext loch ls ltrrow macpict margmirror moMath moMathPara nestcell
    nestrow nesttableprops noline nospaceforul obj objdata object objemb objlink outl pagebb paperw par pgbrdrb
    pgbrdrl pgbrdrr pgbrdrt pgnlcltr pgnlcrm pgnrestart pgnstart pgnstarts pgnucltr pgnucrm pic piccropb
    piccropl piccropr piccropt pict posx posy protect pvpara result revised row rquote rtlch rtlmark rtlpar
    rtlrow rtlsect saauto sbauto scaps sect sectd shad shading shp shpgrp shpinst shppict shptxt sste striked
    tabsnoovrlp tb tc tcn tldot tleq tlhyph tlmdot tlth tlul tqdec trautofit trbrdrb trbrdrh trbrdrl trbrdrr
    trbrdrt trbrdrv trftsWidth trqc trqr uld uldash uldashd uldashdd uldb ulhwave ulldash ulth ulthd ulthdash
    ulw ulwave up v vertalb vertalc vertalj wbitmap widowctrl wmetafile wpprheadfoot xe zwbo zwj zwnbo zwnj
    """.split()  # noqa: SIM905 (a list to be read)
)
"""Words that are known and not proven, so that they can be named; any other may be a piece of the document's text that
follows a word without a space between."""

CHARACTERS = {
    "emdash": "\u2014",
    "endash": "\u2013",
    "lquote": "\u2018",
    "rquote": "\u2019",
    "ldblquote": "\u201c",
    "rdblquote": "\u201d",
    "bullet": "\u2022",
    "emspace": "\u2003",
    "enspace": "\u2002",
    "qmspace": "\u2005",
}
SYMBOLS = {"~": "\u00a0", "-": "\u00ad", "\\": "\\", "{": "{", "}": "}"}


def named(word: str, before: str = "\\") -> str:
    """How to call a control word in what is told of a file."""
    known = word in DECLINED or word in WITHOUT_EFFECT or word in WITHOUT_EFFECT_ON_ROWS or word in WHERE_ZERO
    return f"{before}{word}" if known or word in SKIPPED_DESTINATIONS else "an unknown control word"
