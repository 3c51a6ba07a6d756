"""What must not be printed, whoever wrote the message: passwords and tokens in the URLs that it quotes."""

from __future__ import annotations

import re

HIDDEN = "***"
_SECRET_KEY = r"pass|pwd|secret|token|key|cred"
_IN_THE_AUTHORITY = re.compile(r"(://[^\s'\":@/]*:)[^\s'\"]*@")
_IN_THE_QUERY = re.compile(rf"([?&][^=\s&'\"]*(?:{_SECRET_KEY})[^=\s&'\"]*=)(?!\*\*\*)[^&\s'\"]+", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a key of a URL's query, such as ``sslpassword``, names a secret or the file that holds one."""
    return re.search(_SECRET_KEY, name, re.IGNORECASE) is not None


def without_secrets(text: str) -> str:
    """A text in which ``***`` stands for each secret of a URL."""
    return _IN_THE_QUERY.sub(rf"\1{HIDDEN}", _IN_THE_AUTHORITY.sub(rf"\1{HIDDEN}@", text))
