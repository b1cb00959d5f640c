"""Says how to look at the demo: where, as whom, and a patient and a word for which there is something to see."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

from viewer.serve import DEMO_ACCOUNTS


def main(folder: Path, port: str) -> None:
    """Print the hint for the demo in a folder."""
    export = folder / "sample" / "export"
    truth = json.loads((folder / "sample" / "truth.json").read_text(encoding="utf-8"))
    with (export / "pasient.csv").open(encoding="cp1252", newline="") as file:
        patients = {row["PASNR"]: row for row in csv.DictReader(file, delimiter=";")}
    with (export / "dokument.csv").open(encoding="cp1252", newline="") as file:
        owners = {row["DOKNR"]: row["PASNR"] for row in csv.DictReader(file, delimiter=";")}
    # Not one of the odd cases: those with shared, invalid or missing ids and protected addresses.
    odd = {str(n) for pair in truth["same_id"] for n in pair}
    odd |= {str(n) for key in ("invalid_ids", "no_id", "address_protected") for n in truth[key]}
    found = [(w, owners[str(d)]) for w, ds in truth["search"].items() for d in ds if owners[str(d)] not in odd]
    print(f"\nThe archive is in {folder}/archive. Open the viewer:\n")
    print(f"    make serve                 then http://127.0.0.1:{port} in a browser\n")
    user = DEMO_ACCOUNTS[0][0]
    print(f"'make serve' prints the passwords of the demo users, made anew each time. Log in as '{user}'")
    if found:
        word, number = found[0]
        patient = patients[number]
        print(f"and find {patient['FORNAVN']} {patient['ETTERNAVN']} by the number {patient['FNR']}, state a ground,")
        print(f"search for '{word}', and open the document: the word is marked on its page.")
    else:
        print("and find a patient by a number of pasient.csv.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
