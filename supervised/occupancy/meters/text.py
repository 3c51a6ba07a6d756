"""The bytes of a file -> its text, whatever wrote it.

A byte-order mark decides; without one UTF-16 shows in its zero bytes, then UTF-8 is tried, then Japanese code pages,
which must yield kana or a word that a meter's file has, then cp1252. The text is normalised (NFKC): full-width digits,
colons and letters become plain ones, ㎾ becomes kW.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from bracket_env import InputError, quote

_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
_OTHERS = (
    (b"PK\x03\x04", "a workbook or an archive: save its sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "a workbook: save its sheet as CSV"),
    (b"\x1f\x8b", "compressed: unpack it first"),
    (b"PAR1", "a Parquet file: write it as CSV"),
    (b"SQLite format 3", "a database: export a table as CSV"),
    (b"\x89HDF", "an HDF5 file: export a meter as CSV"),
    (b"%PDF", "a PDF: download the CSV"),
)
_JAPANESE = re.compile(
    r"[ぁ-んァ-ヶ]|日時|時刻|日付|年月日|電力|使用量|計測|測定|在宅|不在|欠測|力率|料金|番号|月\d+日|対象日|開始|午前|午後"
)
_WESTERN = re.compile(r"[\x00-\x7fÀ-ÿ°²³µ§€£ŠšŽžŒœŸ–—’\xa0]*")


@dataclass(frozen=True)
class Text:
    """What a file says."""

    path: Path
    text: str  # lines end in \n
    encoding: str  # as it is shown

    def error(self, message: str, line: int | None = None) -> InputError:
        """One line that names the file and the line."""
        return InputError(f"{self.path}{'' if line is None else f':{line}'}: {message}")


def read_text(path: Path, encoding: str | None = None) -> Text:
    """Read a file as text.

    Args:
        path: the file.
        encoding: its encoding; None: recognised.

    Raises:
        InputError: it cannot be read, is no text (a workbook, an archive, a page), or in no encoding that is known.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    for magic, what in _OTHERS:
        if data.startswith(magic):
            raise InputError(f"{path}: this is no CSV file but {what}")
    text, shown = _said(path, data, encoding) if encoding else _recognised(path, data)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        raise InputError(f"{path}:{text.count(chr(10), 0, text.index(chr(0))) + 1}: a zero byte: this is no text file")
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("\u2212", "-")
    start = text[:200].lstrip().lower()
    if start.startswith(("<!doctype", "<html", "<?xml")):
        raise InputError(f"{path}: this is no CSV file but {'HTML or XML'}: was a page saved instead of the data?")
    if start.startswith(("{", "[{")):
        raise InputError(f"{path}: this is no CSV file but JSON: write a row for each time, such as time,power_W")
    return Text(path, text, shown)


def _said(path: Path, data: bytes, encoding: str) -> tuple[str, str]:
    try:
        name = codecs.lookup(encoding).name
        return data.decode(name), name
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: this is not {encoding}: {error.reason}") from None
    except (LookupError, ValueError, AssertionError):
        raise InputError(f"--encoding must be a text encoding such as cp932 or utf-16, not {quote(encoding)}") from None


def _recognised(path: Path, data: bytes) -> tuple[str, str]:
    for mark, name, shown in _MARKS:
        if data.startswith(mark):
            return _said(path, data, name)[0], shown
    zeros = [data[i:4096:2].count(0) for i in (0, 1)]
    if max(zeros) > min(len(data), 4096) // 8:
        return _said(path, data, "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le")[0], "UTF-16"
    try:
        return data.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError as error:
        broken = error
    if len(data[: broken.start].decode("utf-8").encode("ascii", "ignore")) < broken.start - 3:
        line = data.count(b"\n", 0, broken.start) + 1
        raise InputError(f"{path}:{line}: UTF-8 up to here, then a byte that is not: name its --encoding, or mend it")
    for name in ("cp932", "euc_jp"):
        text = _decoded(data, name)
        if text is not None and _JAPANESE.search(text):
            return text, name
    text = _decoded(data, "cp1252")
    if text is not None and _WESTERN.fullmatch(text):
        return text, "cp1252"
    raise InputError(f"{path}: neither UTF-8, UTF-16, cp932 nor cp1252: name its encoding with --encoding")


def _decoded(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except UnicodeDecodeError:
        return None
