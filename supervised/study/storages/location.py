"""Where a study's trials lie: the one place that makes and takes apart database URLs, and hides what is secret in them.

A URL is never put together from text, so that any name of a folder works, and never printed as it was typed: the text
of a :class:`Location` has ``***`` for each secret.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy
from sqlalchemy import URL

from bracket_env import InputError, quote
from bracket_env.atomic import write_text
from bracket_env.words.secrets import HIDDEN, is_secret

SQLITE, JOURNAL, URL_FILE = "optuna.db", "journal.log", "storage_url.txt"
DRIVERS = {"postgresql": ("psycopg", "psycopg[binary]"), "mysql": ("pymysql", "pymysql")}
"""What each kind of server is reached with: the driver, and what pip calls it."""
_SAME = {"postgres": "postgresql", "mariadb": "mysql"}
_HARMLESS = re.compile(r"[\w ./\\-]{1,60}")


@dataclass(frozen=True, repr=False)
class Location:
    """A database or a journal. Its text is fit for a terminal and a file: no secret is in it."""

    address: URL | Path
    """The database's URL, secrets and all, or the journal's path."""

    def __str__(self) -> str:
        if isinstance(self.address, Path):
            return str(self.address)
        url = self.address
        if url.password is not None:
            url = url.set(password=HIDDEN)
        hidden = {key: HIDDEN for key in url.query if is_secret(key)}
        text = url.update_query_dict(hidden).render_as_string(hide_password=True)
        return text.replace("%2A%2A%2A", HIDDEN)

    __repr__ = __str__

    @property
    def on_server(self) -> bool:
        """Whether workers of other machines may share it, so that only heartbeats tell who is alive."""
        return isinstance(self.address, URL) and self.address.get_backend_name() != "sqlite"

    @property
    def file(self) -> Path | None:
        """The file it is, if it is none of a server's."""
        if isinstance(self.address, Path):
            return self.address
        return None if self.on_server else Path(self.address.database or "")

    def without_secrets(self, text: str) -> str:
        """Somebody else's message about it, each secret in it replaced."""
        if isinstance(self.address, Path):
            return text
        values = [self.address.password or ""]
        for key, value in self.address.query.items():
            if is_secret(key):
                values += [value] if isinstance(value, str) else value
        for value in sorted(filter(None, values), key=len, reverse=True):
            text = text.replace(value, HIDDEN)
        return text


def sqlite(path: Path) -> Location:
    """The SQLite database in a file, whatever characters its path has."""
    return Location(URL.create("sqlite", database=str(path.absolute())))


def parse_location(url: str) -> Location:
    """What a database URL names.

    Raises:
        InputError: it is none, or one of no known kind. The message shows what cannot be secret of it.
    """
    try:
        made = sqlalchemy.make_url(url)
    except Exception:  # whatever its parser trips over, such as a port that is no number
        raise InputError(f"--storage must be a database URL such as postgresql://HOST/DATABASE{_seen(url)}") from None
    made = made.set(drivername=_SAME.get(made.drivername, made.drivername))
    kind = made.get_backend_name()
    if kind == "sqlite":
        if not made.database or made.database == ":memory:":
            raise InputError("--storage sqlite:// keeps nothing: name a file, as in sqlite:///study.db")
        if made.query or "?" in url:
            raise InputError(
                "--storage sqlite:///FILE takes nothing after a '?': if the file's name has one, write it as %3F"
            )
        return sqlite(Path(made.database))
    if kind not in DRIVERS:
        raise InputError(f"--storage must be a URL of sqlite, {' or '.join(DRIVERS)}, not of {quote(kind)}")
    if made.drivername == kind:
        made = made.set(drivername=f"{kind}+{DRIVERS[kind][0]}")
    return Location(made)


def _seen(url: str) -> str:
    """What may be shown of a text that is no URL: all of a plain word, else its beginning and what is wrong."""
    if _HARMLESS.fullmatch(url):
        return f", not {quote(url)}"
    kind = re.match(r"[a-z0-9+]{1,30}(?=://)", url)
    if kind is None:
        return "; what was typed is not shown here, since it may hold a password"
    return f": what follows {kind[0]}:// cannot be read (is the port a number, are special characters written as %XX?)"


def new_location(folder: Path, storage: str | None, jobs: int) -> Location:
    """Where the trials of a new study go: the URL that was asked for, SQLite for one worker, a journal for several.

    Raises:
        InputError: a URL of no known kind.
    """
    if storage is not None:
        return parse_location(storage)
    return sqlite(folder / SQLITE) if jobs == 1 else Location((folder / JOURNAL).absolute())


def find_location(folder: Path, storage: str | None) -> Location:
    """Where the trials of a study are that exists.

    Raises:
        InputError: there is none in the folder, its database is gone, or its URL needs a secret that is not kept there.
    """
    if storage is not None:
        return _there(parse_location(storage), "--storage")
    if (folder / SQLITE).exists():
        return sqlite(folder / SQLITE)
    if (folder / JOURNAL).exists():
        return Location((folder / JOURNAL).absolute())
    noted = folder / URL_FILE
    try:
        url = noted.read_text(encoding="utf-8").strip()
    except OSError:
        raise InputError(f"there is no study {folder}: no {SQLITE}, {JOURNAL} or {URL_FILE} in it") from None
    try:
        return _there(_with_secret(parse_location(url), noted), str(noted))
    except InputError as error:
        raise InputError(str(error).replace("--storage must be", f"{noted} must hold")) from None


def _there(location: Location, said_by: str) -> Location:
    if location.file is not None and not location.file.exists():
        raise InputError(f"there is no database {location.file}, where the study lies as {said_by} has it")
    return location


def _with_secret(location: Location, noted: Path) -> Location:
    """A noted URL whose password PostgreSQL's own library finds elsewhere, if one is needed."""
    url = location.address
    if not isinstance(url, URL) or HIDDEN not in str(location):
        return location
    kept = Path(os.environ.get("PGPASSFILE", "~/.pgpass")).expanduser().is_file() or "PGPASSWORD" in os.environ
    hidden = [key for key in url.query if url.query[key] == HIDDEN]
    if url.get_backend_name() == "postgresql" and kept and not set(hidden) - {"password"}:
        bare = URL.create(url.drivername, url.username, None, url.host, url.port, url.database, url.query)
        return Location(bare.difference_update_query(hidden))
    raise InputError(
        f"{noted} keeps no password: give the whole URL with --storage, or keep PostgreSQL's in ~/.pgpass or PGPASSWORD"
    )


def remember_location(folder: Path, location: Location) -> None:
    """Note in the study's folder where its trials are, without a secret, unless they are in the folder itself."""
    if location not in (sqlite(folder / SQLITE), Location((folder / JOURNAL).absolute())):
        write_text(folder / URL_FILE, f"{location}\n")
