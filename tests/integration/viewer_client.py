"""A browser without a screen for the viewer's tests: logs in, finds, states the ground, and follows links."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from archive.record import JournalDocument, Patient
from tests.viewer_data import PASSWORD, Built


class Browser:
    """One user's browser."""

    def __init__(self, app: Flask, built: Built) -> None:
        self.client: FlaskClient = app.test_client()
        self.built = built

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(
            path, buffered=True, headers={"Accept": "text/html", **{k.replace("_", "-"): v for k, v in headers.items()}}
        )

    def token(self) -> str:
        """The form token of a page of this session."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get("/hjelp").text or "")
        if found is None:
            found = re.search(r'name="csrf_token" value="([^"]+)"', self.get("/logg-inn").text)
        assert found
        return found[1]

    def post(self, path: str, follow: bool = False, **fields: str) -> TestResponse:
        data = {"csrf_token": self.token(), **fields}
        return self.client.post(path, data=data, headers={"Accept": "text/html"}, follow_redirects=follow)

    def login(self, user: str = "lege", password: str = PASSWORD) -> Browser:
        assert self.post("/logg-inn", user=user, password=password).status_code == 303
        return self

    def find(self, patient: str) -> TestResponse:
        return self.post("/finn", identifier=self.built.patients[patient].identifiers[0].value)

    def open(self, patient: str = "astrid", ground: str = "treatment", **more: str) -> TestResponse:
        """Find the patient and state the ground; the journal's page."""
        self.find(patient)
        self.post(self.path(patient) + "/grunnlag", ground=ground, **more)
        return self.get(self.path(patient))

    def search(self, query: str, patient: str = "astrid", **filters: str) -> TestResponse:
        """The list of hits; its address is in `request.full_path`."""
        return self.post(self.path(patient) + "/sok", follow=True, q=query, **filters)

    def path(self, patient: str | Patient) -> str:
        return f"/pasient/{(self.built.patients[patient] if isinstance(patient, str) else patient).id}"

    def document(self, name: str, suffix: str = "", patient: str = "astrid") -> str:
        return f"{self.path(patient)}/dokument/{self.built.documents[name].id}{suffix}"


def links(response: TestResponse) -> list[str]:
    """Every address in the page, as written."""
    return [unescape(u) for u in re.findall(r'(?:href|src|action|data-url)="([^"]*)"', response.text)]


def shown(response: TestResponse, documents: dict[str, JournalDocument]) -> set[str]:
    """The names of the documents that a page links to."""
    ids = {d.id: name for name, d in documents.items()}
    found = (re.search(r"/dokument/([0-9a-f-]{36})", urlsplit(u).path) for u in links(response))
    return {ids[m[1]] for m in found if m}
