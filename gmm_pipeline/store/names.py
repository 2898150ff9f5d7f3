"""Column names as folder names and as keys: readable, different for different names.

In folder names, letters and digits of any script, `_`, `-`, `=` and single dots stay as they are;
other characters become `~XX`, the hexadecimal digits of their UTF-8 bytes, and so do a dot or dash
in front and a dot after a dot. In keys everything stays as it is but what would break a list, a
range or a path of keys. `decode_name` reads both. Names that would be too long for a file system
are cut and end in `~~` and a digest; they can be recognised but not read back.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
import uuid
from contextlib import suppress
from pathlib import Path

from gmm_pipeline.atomic_write import flush

_LONGEST = 200
_TAKEN = {"fit.json", "source.json", "run.json", "snapshots"}
"""What else lies in the folder of a fit."""
_DIGEST_DIGITS = 16
_OWNER = "column.json"
"""Says whose folder it is: names that differ in case alone may lead to the same one."""
_ESCAPED_BYTE = re.compile("((?:~[0-9A-F]{2})+)")
_BREAKS_KEYS = re.compile(
    r"[~,|\[\]/\\]"  # lists, ranges and tuples of keys; paths of files that are named by keys
    r"|[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"  # nothing shows or stores them
    r"|^\s+|\s+$"  # commands strip keys
    r"|\.{3,}|^\.+$"  # three dots make a range; one or two are folders
)


def encode_name(name: str) -> str:
    """Return the folder name of a non-empty column name."""
    encoded = "".join(_encode_character(name, position) for position in range(len(name)))
    if encoded in _TAKEN:
        encoded = f"~{ord(encoded[0]):02X}{encoded[1:]}"
    return _shorten(encoded, name)


def encode_key(name: str) -> str:
    """Return the key of a non-empty column name: the name, but for what breaks keys."""
    return _shorten(_BREAKS_KEYS.sub(lambda match: _escape(match[0]), name), name)


def decode_name(encoded: str) -> str:
    """Return the column name of a folder name or key.

    Raises
    ------
    ValueError
        If the name was cut, so that only a comparison with known names tells what it was.
    """
    if "~~" in encoded:
        raise ValueError(f"{encoded!r} stands for a name that was cut")
    pieces = _ESCAPED_BYTE.split(encoded)
    return "".join(
        bytes.fromhex(piece.replace("~", "")).decode("utf-8", "surrogatepass")
        if piece.startswith("~")
        else piece
        for piece in pieces
    )


def own_folder(folder: Path, column: str) -> None:
    """Make a folder a column's own, unless another column owns it."""
    if owned_folder(folder, column) is not None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"column": column})
    draft, owner = folder / f".{_OWNER}.{uuid.uuid4().hex}", folder / _OWNER
    draft.write_text(text, encoding="utf-8")
    flush(draft)
    try:
        # Of two columns that come at once, one owns the folder.
        owner.hardlink_to(draft)
    except FileExistsError:
        if owned_folder(folder, column) is None:
            # Whoever made it was killed before it said whose it is.
            draft.replace(owner)
    except OSError:
        # The file system has no hard links.
        with suppress(FileExistsError), owner.open("x", encoding="utf-8") as file:
            file.write(text)
    finally:
        draft.unlink(missing_ok=True)


def owned_folder(folder: Path, column: str) -> Path | None:
    """Return the folder of a column: `folder`, or one beside it where another column owns that.

    It is None as long as nobody owns `folder`. File systems that ignore case have one folder for
    `Price` and `price`.
    """
    try:
        owner = json.loads((folder / _OWNER).read_text(encoding="utf-8"))["column"]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    if owner == column:
        return folder
    digest = hashlib.sha256(column.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_DIGITS]
    return folder.with_name(f"{folder.name[:_LONGEST]}~~{digest}")


def _encode_character(name: str, position: int) -> str:
    character = name[position]
    at_front = position == 0
    if character == ".":
        kept = not at_front and name[position - 1] != "." and position < len(name) - 1
    elif character == "-":
        kept = not at_front
    else:
        kept = character in "_=" or (
            character.isalnum() and unicodedata.is_normalized("NFC", character)
        )
    if kept:
        return character
    return _escape(character)


def _escape(text: str) -> str:
    return "".join(f"~{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _shorten(encoded: str, name: str) -> str:
    """Cut an encoded name that is too long, and add a digest of the name."""
    if len(encoded.encode()) <= _LONGEST:
        return encoded
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_DIGITS]
    start = encoded.encode()[: _LONGEST - _DIGEST_DIGITS - 2].decode(errors="ignore")
    return f"{start.rstrip('~0123456789ABCDEF')}~~{digest}"
