"""Where in a TOML text each key stands. `tomllib` gives values without positions; faults need a line.

The text must already have been accepted by `tomllib`: the scanner follows TOML 1.0's grammar but checks nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

Where = tuple[str | int, ...]
"""A place in a TOML document: keys, and indices where there are arrays."""


def positions(text: str) -> dict[Where, int]:
    """Line (from 1) of every key, table header and array element of a valid TOML text."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.found


def line_of(found: Mapping[Where, int], where: Where) -> int:
    """Line of a place, or of the nearest place around it that has one."""
    for n in range(len(where), 0, -1):
        if where[:n] in found:
            return found[where[:n]]
    return 1


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.line = 1
        self.found: dict[Where, int] = {}
        self.arrays: dict[Where, int] = {}

    def document(self) -> None:
        table: Where = ()
        while self._skip(newlines=True):
            if self._take("[["):
                path = self._resolve(self._key(), last=False)
                self.arrays[path] = self.arrays.get(path, 0) + 1
                table = (*path, self.arrays[path] - 1)
                self.found.setdefault(path, self.line)
                self.found[table] = self.line
                self._rest_of_line()
            elif self._take("["):
                table = self._resolve(self._key(), last=True)
                self._note(table)
                self._rest_of_line()
            else:
                self._pair(table)

    def _resolve(self, parts: tuple[str, ...], *, last: bool) -> Where:
        path: Where = ()
        for n, part in enumerate(parts):
            path = (*path, part)
            if path in self.arrays and (last or n < len(parts) - 1):
                path = (*path, self.arrays[path] - 1)
        return path

    def _note(self, path: Where) -> None:
        for n in range(1, len(path) + 1):
            self.found.setdefault(path[:n], self.line)

    def _pair(self, table: Where) -> None:
        path = (*table, *self._key())
        self._note(path)
        self._skip(newlines=False)
        self._take("=")
        self._skip(newlines=False)
        self._value(path)

    def _value(self, path: Where) -> None:
        if self._take("["):
            index = 0
            while self._skip(newlines=True) and not self._take("]"):
                self.found.setdefault((*path, index), self.line)
                self._value((*path, index))
                index += 1
                self._skip(newlines=True)
                self._take(",")
        elif self._take("{"):
            while self._skip(newlines=True) and not self._take("}"):
                self._pair(path)
                self._skip(newlines=True)
                self._take(",")
        elif self.text[self.at] in "\"'":
            self._string()
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}\n#":
                self.at += 1

    def _key(self) -> tuple[str, ...]:
        parts = []
        while True:
            self._skip(newlines=False)
            start = self.at
            if self.text[self.at] in "\"'":
                self._string()
                parts.append(str(tomllib.loads("k=" + self.text[start : self.at])["k"]))
            else:
                while self.text[self.at].isalnum() or self.text[self.at] in "_-":
                    self.at += 1
                parts.append(self.text[start : self.at])
            self._skip(newlines=False)
            if not self._take("."):
                return tuple(parts)

    def _string(self) -> None:
        quote = self.text[self.at]
        triple = self.text.startswith(quote * 3, self.at)
        end = quote * 3 if triple else quote
        self.at += len(end)
        while not self.text.startswith(end, self.at):
            if self.text[self.at] == "\\" and quote == '"':
                self.at += 1
            self.line += self.text[self.at] == "\n"
            self.at += 1
        self.at += len(end)
        while triple and self.text.startswith(quote, self.at):  # up to two quotes may touch the end
            self.at += 1

    def _take(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def _rest_of_line(self) -> None:
        while self.at < len(self.text) and self.text[self.at] != "\n":
            self.at += 1

    def _skip(self, *, newlines: bool) -> bool:
        """Pass blanks, and with `newlines` also line ends and comments; whether there is anything left."""
        while self.at < len(self.text):
            c = self.text[self.at]
            if c == "#" and newlines:
                self._rest_of_line()
            elif c == "\n" and newlines:
                self.line += 1
                self.at += 1
            elif c in " \t":
                self.at += 1
            else:
                return True
        return False
