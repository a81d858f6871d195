"""API keys: only their hashes are kept, and they are compared in constant time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from hmac import compare_digest
from pathlib import Path
from secrets import token_urlsafe

from emoscope.errors import EmoscopeError

FILE_VARIABLE, KEYS_VARIABLE = "EMOSCOPE_API_KEYS_FILE", "EMOSCOPE_API_KEYS"
SHORTEST_KEY = 16
_HASH = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")


class ApiKeys:
    """The keys that are let in; with none, everybody is."""

    def __init__(self, digests: Iterable[bytes] = ()) -> None:
        """SHA-256 digests of keys. They need no salt: a key is random, not a word that somebody chose."""
        self._digests = tuple(digests)

    def __len__(self) -> int:
        return len(self._digests)

    def admit(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a request with these headers may go on: `Authorization: Bearer KEY` or `X-API-Key: KEY`."""
        if not self._digests:
            return True
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        key = token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
        digest = hashlib.sha256(key).digest()
        found = False
        for known in self._digests:
            found |= compare_digest(digest, known)
        return found


def read_keys(file: Path | None, environment: Mapping[str, str]) -> ApiKeys:
    """Keys of a file and of the environment together.

    Args:
        file: hashes, one a line, a name or a remark behind each; None to look for EMOSCOPE_API_KEYS_FILE.
        environment: may name the file, and hold keys themselves in EMOSCOPE_API_KEYS, commas between.

    Raises:
        EmoscopeError: a file that cannot be read or has no hash, or a key that is too short.
    """
    file = file or (Path(environment[FILE_VARIABLE]) if environment.get(FILE_VARIABLE) else None)
    digests = _digests(file) if file else []
    for key in filter(None, (key.strip() for key in environment.get(KEYS_VARIABLE, "").split(","))):
        if len(key) < SHORTEST_KEY:
            raise EmoscopeError(
                f"a key in {KEYS_VARIABLE} has {len(key)} characters, {SHORTEST_KEY} are the least; "
                "make one with emoscope serve --new-key"
            )
        digests.append(hashlib.sha256(key.encode()).digest())
    return ApiKeys(digests)


def _digests(file: Path) -> list[bytes]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EmoscopeError(f"no API keys can be read from {file} ({error})") from None
    digests = []
    for number, line in enumerate(lines, start=1):
        content = line.partition("#")[0].split()
        if not content:
            continue
        match = _HASH.fullmatch(content[0])
        if not match:
            raise EmoscopeError(
                f"{file}, line {number}: no SHA-256 in hex; allowed: the lines that emoscope serve --new-key prints"
            )
        digests.append(bytes.fromhex(match[1]))
    if not digests:
        raise EmoscopeError(f"{file} has no API key; add the line that emoscope serve --new-key prints")
    return digests


def new_key() -> tuple[str, str]:
    """A new key, and the line for the file."""
    key = f"emo_{token_urlsafe(32)}"
    return key, f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
