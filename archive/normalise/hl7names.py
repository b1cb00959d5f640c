"""Norwegian names for the segments and fields of HL7 v2 that journals have (HL7 Version 2.5, appendix A)."""

from __future__ import annotations

SEGMENTS = {
    "MSH": "Melding", "FHS": "Fil", "BHS": "Bunke", "EVN": "Hendelse", "PID": "Pasient", "PD1": "Pasient, mer",
    "NK1": "Pårørende", "PV1": "Opphold", "PV2": "Opphold, mer", "ORC": "Rekvisisjon", "OBR": "Undersøkelse",
    "OBX": "Resultat", "NTE": "Kommentar", "DG1": "Diagnose", "AL1": "Allergi", "PR1": "Prosedyre", "SPM": "Prøve",
    "TXA": "Dokument", "SCH": "Avtale", "RXA": "Gitt legemiddel", "RXE": "Ordinert legemiddel", "IN1": "Forsikring",
    "MSA": "Kvittering", "ERR": "Feil", "MRG": "Slått sammen", "ROL": "Rolle", "FT1": "Ytelse",
}  # fmt: skip
"""A segment's name."""

COLUMNS = ("Undersøkelse", "Resultat", "Enhet", "Referanse", "Avvik", "Status", "Øvrig")
"""Of the table of results."""

NAMES: dict[str, dict[int, str]] = {
    "MSH": {3: "Avsendersystem", 4: "Avsender", 5: "Mottakersystem", 6: "Mottaker", 7: "Tid", 9: "Meldingstype",
            10: "Meldingsid", 11: "Behandling", 12: "Versjon", 18: "Tegnsett"},
    "PID": {1: "Nummer", 2: "Ekstern id", 3: "Pasientid", 4: "Alternativ id", 5: "Navn", 6: "Mors navn", 7: "Født",
            8: "Kjønn", 9: "Alias", 11: "Adresse", 13: "Telefon", 14: "Telefon, arbeid", 15: "Språk", 16: "Sivilstand",
            18: "Kontonummer", 19: "Personnummer", 29: "Død", 30: "Er død"},
    "PV1": {2: "Pasientklasse", 3: "Sted", 7: "Behandlende lege", 8: "Henvisende lege", 9: "Konsulterende lege",
            10: "Avdeling", 17: "Innleggende lege", 19: "Besøksnummer", 36: "Utskrevet til", 44: "Innlagt",
            45: "Utskrevet"},
    "ORC": {1: "Handling", 2: "Rekvisisjonsnummer", 3: "Utførers nummer", 5: "Status", 9: "Tid", 12: "Rekvirent"},
    "OBR": {1: "Nummer", 2: "Rekvisisjonsnummer", 3: "Utførers nummer", 4: "Undersøkelse", 5: "Prioritet",
            6: "Bestilt", 7: "Prøve tatt", 8: "Til", 13: "Kliniske opplysninger", 14: "Prøve mottatt", 15: "Materiale",
            16: "Rekvirent", 20: "Utfører", 22: "Besvart", 24: "Fagområde", 25: "Status", 28: "Kopi til",
            31: "Grunn", 32: "Ansvarlig for svaret"},
    "OBX": {4: "Delnummer", 9: "Sannsynlighet", 10: "Avvikstype", 12: "Referanse gjelder fra", 13: "Tilgang",
            15: "Utfører", 16: "Ansvarlig", 17: "Metode", 18: "Utstyr", 19: "Analysert"},
    "NTE": {1: "Nummer", 2: "Kilde", 4: "Type"},
    "NK1": {2: "Navn", 3: "Slektskap", 4: "Adresse", 5: "Telefon"},
    "DG1": {3: "Diagnose", 4: "Beskrivelse", 5: "Tid", 6: "Type"},
    "AL1": {2: "Type", 3: "Stoff", 4: "Alvorlighet", 5: "Reaksjon", 6: "Oppdaget"},
    "TXA": {2: "Dokumenttype", 3: "Innhold", 4: "Tid", 5: "Ansvarlig", 6: "Skrevet", 9: "Forfatter", 12: "Dokumentid",
            17: "Status"},
}  # fmt: skip
"""A field's name by segment and number; a field without one is called as HL7 does (`PID-12`)."""
