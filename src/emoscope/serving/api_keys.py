"""API keys: hashes are kept, never keys, and compared in constant time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from hmac import compare_digest
from pathlib import Path
from secrets import token_urlsafe

from emoscope.errors import EmoscopeError

FILE_VARIABLE, KEYS_VARIABLE = "EMOSCOPE_API_KEYS_FILE", "EMOSCOPE_API_KEYS"
MIN_KEY_LENGTH = 16
"""Minimum number of characters in a key that the environment holds: shorter ones can be guessed."""
_HASH = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")


class ApiKeys:
    """The accepted API keys; an empty collection accepts every client."""

    def __init__(self, digests: Iterable[bytes] = ()) -> None:
        """SHA-256 digests of the keys. They need no salt, because a key is random and not a word that someone chose."""
        self._digests = tuple(digests)

    def __len__(self) -> int:
        return len(self._digests)

    def accepts(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether headers hold an accepted key, as `Authorization: Bearer KEY` or `X-API-Key: KEY`."""
        if not self._digests:
            return True
        digest = hashlib.sha256(sent_key(headers)).digest()
        is_accepted = False
        for accepted in self._digests:  # all of them, so that the time says nothing about which one matched
            is_accepted |= compare_digest(digest, accepted)
        return is_accepted


def sent_key(headers: Mapping[bytes, bytes]) -> bytes:
    """The key that headers hold, whether it is accepted or not; empty if they hold none."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")


def read_keys(file: Path | None, environment: Mapping[str, str]) -> ApiKeys:
    """The keys of a file and of the environment together.

    Args:
        file: file with one hash per line, optionally followed by a name, with comments after `#`; None for the file
            that EMOSCOPE_API_KEYS_FILE names, if any.
        environment: environment variables; EMOSCOPE_API_KEYS may hold keys themselves, separated by commas.

    Raises:
        EmoscopeError: the file cannot be read or has no hash, a key is too short, or a variable is set but empty.
    """
    for name in (FILE_VARIABLE, KEYS_VARIABLE):
        if not environment.get(name, "key").strip(", \t\r\n"):
            raise EmoscopeError(f"{name} is set but empty; give it a value, or unset it to accept every client")
    file = file or (Path(environment[FILE_VARIABLE]) if FILE_VARIABLE in environment else None)
    digests = _read_digests(file) if file else []
    given = environment.get(KEYS_VARIABLE, "")
    keys = [key for key in map(str.strip, given.split(",")) if key]
    for key in keys:
        if len(key) < MIN_KEY_LENGTH:
            raise EmoscopeError(
                f"a key in {KEYS_VARIABLE} has {len(key)} characters; at least {MIN_KEY_LENGTH} are needed; "
                "create one with emoscope serve --new-key"
            )
        digests.append(hashlib.sha256(key.encode()).digest())
    return ApiKeys(digests)


def _read_digests(file: Path) -> list[bytes]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EmoscopeError(f"cannot read API keys from {file} ({error})") from None
    digests = []
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        match = _HASH.fullmatch(words[0])
        if not match:
            raise EmoscopeError(
                f"{file}, line {number}: not a SHA-256 hash in hex; use the lines that emoscope serve --new-key prints"
            )
        digests.append(bytes.fromhex(match[1]))
    if not digests:
        raise EmoscopeError(f"{file} has no API key; add the line that emoscope serve --new-key prints")
    return digests


def new_key() -> tuple[str, str]:
    """A new random key, and the line with its hash for the file of keys."""
    key = f"emo_{token_urlsafe(32)}"
    return key, f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
