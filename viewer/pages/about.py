"""What this archive holds, and how to use the pages."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from viewer import guard
from viewer.access import Action

blueprint = Blueprint("about", __name__)


@blueprint.get("/om")
@guard.declares(Action.OWN)
def about() -> ResponseReturnValue:
    """Coverage of the archive."""
    patients, documents, first, last = guard.records().coverage()
    return render_template("about.html", patients=patients, documents=documents, first=first, last=last)


@blueprint.get("/hjelp")
@guard.declares(Action.OWN)
def help_page() -> ResponseReturnValue:
    """Help, shortcuts and the user's choices."""
    return render_template("help.html")


@blueprint.get("/favicon.ico")
@guard.declares(Action.PUBLIC)
def favicon() -> ResponseReturnValue:
    """Browsers ask for it here."""
    return redirect(url_for("static", filename="icon.svg"))
