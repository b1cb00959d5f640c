"""The audit log grows and does nothing else; whatever is done to it behind its back is found."""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner

from archive.errors import AuditBrokenError, ExitCode
from archive.store import ArchiveStore
from tests.conftest import REPOSITORY
from viewer.audit import AuditAction, AuditEvent, AuditFindingCode, AuditLog, Checkpoint, verify_log
from viewer.audit.events import canonical_json
from viewer.audit.export import read_records, write_csv, write_json_lines
from viewer.audit.log import GUARDS, marker_path
from viewer.audit.tree import START, Frontier, chain_hash, leaf_hash
from viewer.commands import audit

Code = AuditFindingCode


def event(n: int = 0, **more: object) -> AuditEvent:
    return AuditEvent(
        action=AuditAction.OPEN_DOCUMENT,
        user=f"lege{n % 3}",
        patient_id=f"pasient-{n % 5}",
        documents=(f"dokument-{n}",),
        ground="treatment",
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit" / "audit.sqlite"


@pytest.fixture
def log(path: Path) -> AuditLog:
    path.parent.mkdir()
    log = AuditLog(path)
    for n in range(30):
        log.append(event(n))
    log.close()
    return log


def codes(path: Path, *anchors: Checkpoint) -> set[AuditFindingCode]:
    return {f.code for f in verify_log(path, anchors).findings}


def tamper(path: Path, *statements: str, keep_guards: bool = True) -> None:
    """Change the file as somebody would who owns it; the guards are put back so that only the change shows."""
    with sqlite3.connect(path) as c:
        for name in GUARDS:
            c.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            c.execute(statement)
        for sql in GUARDS.values() if keep_guards else ():
            c.execute(sql)
    c.close()


def test_a_record_holds_what_was_given_and_counts_from_the_one_that_began_the_log(path: Path, log: AuditLog) -> None:
    with AuditLog(path) as again:
        assert again.append(event(30, query='"høyt blodtrykk"', hits=4, emergency=True)) == 32
    last = list(read_records(path))[-1]
    assert last["seq"] == 32
    assert last["documents"] == ["dokument-30"]
    assert last["query"] == '"høyt blodtrykk"'
    assert (last["hits"], last["emergency"], last["ground"]) == (4, True, "treatment")
    assert last["ts"].endswith("Z")
    assert "client_ip" not in last, "what is not known is not claimed"


def test_an_untouched_log_verifies(path: Path, log: AuditLog) -> None:
    report = verify_log(path)
    assert report.intact
    assert report.checkpoint.size == 31


def test_root_is_the_merkle_tree_head_of_rfc_9162() -> None:
    def head(leaves: list[bytes]) -> bytes:  # the definition in section 2.1.1, word for word
        if len(leaves) == 1:
            return leaves[0]
        k = 1
        while k * 2 < len(leaves):
            k *= 2
        return sha256(b"\x01" + head(leaves[:k]) + head(leaves[k:])).digest()

    tree, leaves = Frontier(), []
    assert tree.root() == sha256(b"").digest()
    for n in range(70):
        leaves.append(leaf_hash(b"", str(n)))
        tree.append(leaves[-1])
        assert tree.root() == head(leaves)
    assert leaf_hash(b"", "") == bytes.fromhex("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")


def test_text_that_utf8_cannot_carry_is_logged_all_the_same(path: Path, log: AuditLog) -> None:
    with AuditLog(path) as again:
        again.append(event(1, user_agent="\udc80\x00\ufffe <script>", query="\ud800"))
    assert verify_log(path).intact
    assert list(read_records(path))[-1]["query"] == "\ud800"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log SET user='x' WHERE seq=7",
        "DELETE FROM log WHERE seq=7",
        "DELETE FROM log",
        "INSERT OR REPLACE INTO log SELECT 7, ts, user, action, patient, body, salt, leaf, chain FROM log WHERE seq=8",
        "INSERT INTO log SELECT 99, ts, user, action, patient, body, salt, leaf, chain FROM log WHERE seq=8",
    ],
)
def test_the_application_itself_cannot_change_the_log(path: Path, log: AuditLog, statement: str) -> None:
    with AuditLog(path) as again, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        again._connection.execute(statement)
    assert verify_log(path).intact


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["UPDATE log SET user='noen' WHERE seq=9"], {Code.COLUMNS}),
        (["UPDATE log SET patient='noen' WHERE seq=9"], {Code.COLUMNS}),
        (["UPDATE log SET ts='2020-01-01T00:00:00Z' WHERE seq=9"], {Code.COLUMNS}),
        (["UPDATE log SET body=replace(body, 'dokument', 'dokumenT') WHERE seq=9"], {Code.BODY, Code.CHAIN}),
        (["UPDATE log SET body=body || ' ' WHERE seq=9"], {Code.BODY, Code.CHAIN}),
        (["UPDATE log SET body='{' WHERE seq=9"], {Code.BODY, Code.CHAIN}),
        (["UPDATE log SET salt=zeroblob(16) WHERE seq=9"], {Code.BODY, Code.CHAIN}),
        (["UPDATE log SET leaf=zeroblob(32) WHERE seq=9"], {Code.BODY}),
        (["UPDATE log SET chain=zeroblob(32) WHERE seq=9"], {Code.CHAIN}),
        (["DELETE FROM log WHERE seq=9"], {Code.MISSING, Code.CHAIN}),
        (["DELETE FROM log WHERE seq=1"], {Code.MISSING, Code.CHAIN, Code.NOT_A_LOG}),
        (["DELETE FROM log"], {Code.NOT_A_LOG}),
        (
            [f"UPDATE log SET seq={new} WHERE seq={old}" for old, new in ((9, -9), (10, 9), (-9, 10))],
            {Code.ORDER, Code.CHAIN},
        ),
    ],
)  # fmt: skip
def test_every_change_to_the_file_is_found(
    path: Path, log: AuditLog, statements: list[str], expected: set[AuditFindingCode]
) -> None:
    tamper(path, *statements)
    assert codes(path) == expected


def test_several_faults_are_all_told(path: Path, log: AuditLog) -> None:
    tamper(path, "UPDATE log SET user='x' WHERE seq IN (3, 20)", "DELETE FROM log WHERE seq=12")
    report = verify_log(path)
    assert [(f.code, f.seq) for f in report.findings] == [
        (Code.COLUMNS, 3),
        (Code.MISSING, 13),
        (Code.CHAIN, 13),
        (Code.COLUMNS, 20),
    ]


def test_removed_protection_is_found(path: Path, log: AuditLog) -> None:
    tamper(path, keep_guards=False)
    assert codes(path) == {Code.GUARDS}
    with pytest.raises(AuditBrokenError, match="protection"):
        AuditLog(path)


def test_a_cut_tail_shows_against_a_checkpoint_kept_outside(path: Path, log: AuditLog) -> None:
    anchor = Checkpoint.from_text(verify_log(path).checkpoint.to_text())
    tamper(path, "DELETE FROM log WHERE seq > 20")
    assert codes(path) == set(), "inside the file nothing tells: that is why checkpoints are kept elsewhere"
    assert codes(path, anchor) == {Code.CUT}


def test_a_log_written_anew_with_right_hashes_shows_against_a_checkpoint(path: Path, log: AuditLog) -> None:
    anchor = verify_log(path).checkpoint
    with sqlite3.connect(path) as c:
        for name in GUARDS:
            c.execute(f"DROP TRIGGER {name}")
        chain = START
        for seq, body, salt in c.execute("SELECT seq, body, salt FROM log ORDER BY seq").fetchall():
            data = json.loads(body)
            if data.get("documents") == ["dokument-4"]:
                data["documents"] = ["dokument-5"]
            leaf = leaf_hash(salt, new := canonical_json(data))
            chain = chain_hash(chain, leaf)
            c.execute("UPDATE log SET body=?, leaf=?, chain=? WHERE seq=?", (new, leaf, chain, seq))
        for sql in GUARDS.values():
            c.execute(sql)
    c.close()
    assert codes(path) == set()
    assert codes(path, anchor) == {Code.ANCHOR}


def test_a_checkpoint_of_the_past_still_holds_after_more_records(path: Path, log: AuditLog) -> None:
    anchors = [verify_log(path).checkpoint]
    with AuditLog(path) as again:
        for n in range(9):
            again.append(event(n))
        anchors.append(again.verify().checkpoint)
        again.append(event(9))
    assert codes(path, *anchors) == set()


def test_a_log_put_in_the_place_of_another_is_found(path: Path, log: AuditLog, tmp_path: Path) -> None:
    anchor = verify_log(path).checkpoint
    other = tmp_path / "other.sqlite"
    with AuditLog(other) as second:
        for n in range(40):
            second.append(event(n))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copy(other, path)
    assert codes(path, anchor) == {Code.OTHER_LOG}
    assert codes(path) == {Code.OTHER_LOG}, "the id file beside it tells too"
    with pytest.raises(AuditBrokenError, match="replaced"):
        AuditLog(path)


def test_a_damaged_file_is_a_finding_and_no_crash(path: Path, log: AuditLog) -> None:
    content = bytearray(path.read_bytes())
    for page in range(1, len(content) // 4096):  # table, then each index
        damaged = content.copy()
        damaged[4096 * page : 4096 * (page + 1)] = os.urandom(4096)
        path.write_bytes(damaged)
        assert not verify_log(path).intact, page
    path.write_bytes(b"this is no database at all" * 400)
    assert codes(path) == {Code.UNREADABLE}


def test_a_log_taken_away_is_not_begun_anew(path: Path, log: AuditLog) -> None:
    path.unlink()
    with pytest.raises(AuditBrokenError, match="removed"):
        AuditLog(path)
    with pytest.raises(AuditBrokenError):
        verify_log(path)


def test_a_log_that_was_emptied_is_not_begun_anew(path: Path, log: AuditLog) -> None:
    tamper(path, "DELETE FROM log")
    with pytest.raises(AuditBrokenError):
        AuditLog(path)
    path.write_bytes(b"")
    with pytest.raises(AuditBrokenError, match="replaced"):
        AuditLog(path)


@pytest.mark.parametrize("act", [lambda p: p.unlink(), lambda p: p.rename(p.with_name("away"))])
def test_nothing_is_written_into_a_log_that_vanished_under_a_running_viewer(
    path: Path, log: AuditLog, act: Callable[[Path], object]
) -> None:
    with AuditLog(path) as running:
        act(path)
        with pytest.raises(AuditBrokenError):
            running.append(event())


def test_what_is_not_a_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit.sqlite"
    with sqlite3.connect(path) as c:
        c.execute("CREATE TABLE something(x)")
    c.close()
    with pytest.raises(AuditBrokenError, match="not an audit log"):
        AuditLog(path)
    with pytest.raises(AuditBrokenError):
        AuditLog(tmp_path / "no-such-folder" / "audit.sqlite")


def test_no_record_no_look_when_the_file_is_read_only(path: Path, log: AuditLog) -> None:
    script = (
        "import os, sys; from pathlib import Path; from archive.errors import AuditBrokenError\n"
        "from tests.unit.test_audit import event; from viewer.audit import AuditLog\n"
        "os.geteuid() or os.setresuid(65534, 65534, 65534)\n"
        "try: AuditLog(Path(sys.argv[1])).append(event())\n"
        "except AuditBrokenError: print('refused')\n"
    )
    for folder in (path.parent, *list(path.parents)[1:4]):
        folder.chmod(0o755)
    for file in path.parent.iterdir():
        file.chmod(0o444)
    before = verify_log(path).checkpoint
    done = subprocess.run([sys.executable, "-c", script, path], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.stdout == "refused\n", done.stderr
    assert verify_log(path).checkpoint == before


def _fill_the_disk(path: Path, results: multiprocessing.Queue[object]) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with AuditLog(path) as log:
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, resource.RLIM_INFINITY))
        written = 0
        try:
            for n in range(2_000):
                written = log.append(event(n, detail="x" * 500))
        except AuditBrokenError:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            results.put((written, log.append(event(0))))
            return
        results.put("the disk never filled")


def test_no_record_no_look_when_the_disk_is_full_and_on_it_goes_when_there_is_room(path: Path) -> None:
    path.parent.mkdir()
    spawn = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[object] = spawn.Queue()
    process = spawn.Process(target=_fill_the_disk, args=(path, results))
    process.start()
    outcome = results.get(timeout=60)
    process.join()
    assert isinstance(outcome, tuple), outcome
    written, after = outcome
    assert after == written + 1
    report = verify_log(path)
    assert report.intact
    assert report.checkpoint.size == after


def _append_many(path: Path, count: int) -> None:
    with AuditLog(path) as log:
        for n in range(count):
            log.append(event(n))


def test_four_processes_append_without_gap_or_loss(path: Path) -> None:
    path.parent.mkdir()
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_append_many, args=(path, 250)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [p.exitcode for p in processes] == [0] * 4
    report = verify_log(path)
    assert report.intact
    assert report.checkpoint.size == 1 + 4 * 250


_WRITER = (
    "import sys; from pathlib import Path; from tests.unit.test_audit import event; from viewer.audit import AuditLog\n"
    "log = AuditLog(Path(sys.argv[1]))\n"
    "while True: print(log.append(event()), flush=True)\n"
)


def test_a_killed_writer_leaves_a_whole_log_with_every_record_it_was_told_is_there(path: Path) -> None:
    path.parent.mkdir()
    told = 0
    for wait in (0.0, 0.05, 0.1):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, path], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        told = int(writer.stdout.readline())
        time.sleep(wait)
        writer.send_signal(signal.SIGKILL)
        told = max([told, *(int(line) for line in writer.stdout if line.endswith("\n"))])
        writer.wait()
        writer.stdout.close()
        report = verify_log(path)
        assert report.intact
        assert report.checkpoint.size >= told


def test_reading_out_one_patient_one_user_one_period(path: Path, log: AuditLog) -> None:
    with AuditLog(path) as again:
        again.append(AuditEvent(action=AuditAction.SEARCH_PATIENT, user="lege9", patients=("pasient-2", "pasient-9")))
    found = list(read_records(path, patient="pasient-2"))
    assert len(found) == 7
    assert found[-1]["user"] == "lege9", "being shown in a hit list is being looked at"
    assert {r["user"] for r in read_records(path, user="lege1")} == {"lege1"}
    today = found[0]["ts"][:10]
    assert len(list(read_records(path, since=today, until=today))) == 32
    assert list(read_records(path, since="2999-01-01")) == []
    assert list(read_records(path, until="2001-01-01")) == []


def test_csv_names_every_document_and_runs_no_formula(path: Path, log: AuditLog) -> None:
    with AuditLog(path) as again:
        again.append(
            AuditEvent(action=AuditAction.LIST_DOCUMENTS, user="lege9", documents=("d1", "d2"), query='=HYPERLINK("x")')
        )
    out = io.StringIO()
    assert write_csv(read_records(path, user="lege9"), out) == 1
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert row["documents"] == "d1 d2"
    assert row["query"] == '\'=HYPERLINK("x")'


@pytest.mark.parametrize("write", [write_csv, write_json_lines])
def test_what_users_typed_is_no_command_to_a_terminal(
    path: Path, log: AuditLog, write: Callable[[Iterable[dict[str, Any]], IO[str]], int]
) -> None:
    typed = "x\x1b[2J\x07\x7f\x9b31m\u202e\u2028\r\nåæø"
    with AuditLog(path) as again:
        again.append(AuditEvent(action=AuditAction.LOGIN_FAILED, user="lege9", query=typed, user_agent=typed))
    out = io.StringIO()
    assert write(read_records(path, user="lege9"), out) == 1
    shown = out.getvalue()
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Zl") and c != "\n"]
    assert (shown.count("\n") == (2 if write is write_csv else 1) and "\\x1b[2J" in shown) or "\\u001b[2J" in shown
    assert next(read_records(path, user="lege9"))["query"] == typed, "the log itself has it as it was typed"


def test_checkpoint_text_comes_back_and_rubbish_does_not(path: Path, log: AuditLog) -> None:
    checkpoint = verify_log(path).checkpoint
    signed = checkpoint.to_text() + "\n— journalarkiv.example/audit AAAA\n"
    assert Checkpoint.from_text(signed) == checkpoint
    for text in ("", "x\n1\nAA==\nhead 00\n", checkpoint.to_text().replace("\n31\n", "\n-1\n"), signed[:60]):
        with pytest.raises(ValueError):
            Checkpoint.from_text(text)


def test_the_command_line_verifies_seals_and_exports(archive_store: ArchiveStore, tmp_path: Path) -> None:
    path = archive_store.audit / "audit.sqlite"
    with AuditLog(path) as log:
        for n in range(8):
            log.append(event(n))

    def run(*args: str) -> tuple[int, str]:
        result = CliRunner().invoke(audit, [args[0], str(archive_store.root), *args[1:]], standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result.return_value, result.stdout  # type: ignore[no-any-return]

    assert run("checkpoint") == (0, f"{next(archive_store.seals.iterdir())}\n")
    assert run("checkpoint", "--out", "-")[1].splitlines()[1] == "9"
    outside = tmp_path / "outside.txt"
    run("checkpoint", "--out", str(outside))
    status, text = run("export", "--patient", "pasient-1", "--json")
    assert status == 0
    assert [json.loads(line)["documents"] for line in text.splitlines()[:2]] == [["dokument-1"], ["dokument-6"]]
    assert json.loads(text.splitlines()[-1])["action"] == "audit-read", "reading the log is itself a look"
    status, text = run("verify", "--json", "--anchor", str(outside))
    assert status == 0
    assert json.loads(text)["records"] == 10
    tamper(path, "DELETE FROM log WHERE seq > 5")
    status, text = run("verify", "--anchor", str(outside))
    assert status == ExitCode.AUDIT_BROKEN
    assert text.count("shorter than a checkpoint") == 2, "the one in seals/ is used without being asked"
    with pytest.raises(AuditBrokenError):
        run("checkpoint")
    marker_path(path).unlink()
    path.unlink()
    with pytest.raises(AuditBrokenError):
        run("export")
    assert not path.exists(), "looking at a log that is not there makes none"
