"""Addresses of the network: which may be asked, where a redirect may lead, and who may see a password."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit

from bundle_engine.errors import DownloadError, UsageError

__all__ = [
    "check_address",
    "check_redirect",
    "direct",
    "host_of",
    "is_local",
    "origin_of",
    "quoted",
    "split_credentials",
    "without_secrets",
]

_PORTS = {"http": 80, "https": 443}
_DRIVE = re.compile(r"/file/d/([\w-]+)")


def check_address(url: str) -> str:
    """Refuse what is no address of a web server.

    Returns:
        the address, as it was given.

    Raises:
        UsageError: for another scheme than http and https, and where the host is missing.
    """
    shown = without_secrets(url)
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise UsageError(f"'{shown}' is no address that can be understood") from None
    if parts.scheme.lower() not in _PORTS:
        hint = "for an archive on this computer there is unpack" if parts.scheme in ("", "file") else None
        raise UsageError(
            f"only addresses that begin with http:// or https:// can be downloaded, not '{shown}'", hint=hint
        )
    if not parts.hostname or any(character.isspace() or ord(character) < 32 for character in url):
        raise UsageError(f"'{shown}' is no address: it has no host, or it has spaces")
    return url


def without_secrets(url: str) -> str:
    """Leave out of an address what may be secret: user, password, query and fragment."""
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("://")[0] + "://…"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def host_of(url: str) -> str:
    """Give the host of an address in small letters, without port, user and password."""
    return (urlsplit(url).hostname or "").rstrip(".").lower()


def origin_of(url: str) -> tuple[str, str, int]:
    """Give scheme, host and port: what has to be the same for a password to be sent there."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, host_of(url), parts.port or _PORTS.get(scheme, 0)


def split_credentials(url: str) -> tuple[str, str | None]:
    """Take user and password out of an address.

    Returns:
        the address without them, and the header ``Authorization`` that says them; None where there were none.
    """
    parts = urlsplit(url)
    user, at, rest = parts.netloc.rpartition("@")
    if not at:
        return url, None
    name, _, password = user.partition(":")
    coded = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    return urlunsplit(parts._replace(netloc=rest)), f"Basic {coded}"


def is_local(host: str) -> bool:
    """Tell whether a host is this computer or one of a private network, by its name or number."""
    name = host.strip("[]").partition("%")[0].rstrip(".").lower()
    if name == "localhost" or name.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        number = ipaddress.ip_address(name)
    except ValueError:
        # 127.1, 0x7f000001 and 2130706433 are numbers too, for the system's resolver
        return re.fullmatch(r"(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+)){0,3}", name) is not None
    mapped = getattr(number, "ipv4_mapped", None)
    return not (mapped or number).is_global


def check_redirect(start: str, here: str, there: str, hosts: Sequence[str] | None) -> None:
    """Refuse a redirect that no honest server needs.

    Args:
        start: the address that was asked for at first.
        here: the address that answered with the redirect.
        there: where it leads.
        hosts: hosts that the source is known to use, a leading ``.`` for all below a domain; None for any.

    Raises:
        DownloadError: when it leaves http and https, goes from https down to http, to this computer or a private
            network from a public address, or to a host that the source does not use.
    """
    shown = f"'{without_secrets(here)}' redirects to '{without_secrets(there)}'"
    try:
        parts = urlsplit(there)
        _ = parts.port
    except ValueError:
        raise DownloadError(f"{shown}, which is no address") from None
    scheme, host = parts.scheme.lower(), host_of(there)
    if scheme not in _PORTS or not host:
        raise DownloadError(f"{shown}, which is refused: a download stays with http and https")
    if urlsplit(here).scheme.lower() == "https" and scheme == "http":
        raise DownloadError(f"{shown}, which is refused: it would give up the encryption")
    if host == host_of(start):
        return
    if is_local(host) and not is_local(host_of(start)):
        raise DownloadError(f"{shown}, which is refused: that is this computer, or one in a private network")
    if hosts is not None and not any(_matches(host, known) for known in hosts):
        message = f"{shown}, which is refused: this source is not known to use the host '{host}'"
        raise DownloadError(message, hint="if you trust that host, download from it with --url")


def _matches(host: str, known: str) -> bool:
    return host == known or (known.startswith(".") and (host.endswith(known) or host == known[1:]))


def direct(url: str) -> str:
    """Give the address of a file's content for a link that shows the file on a page of Google Drive."""
    parts = urlsplit(url)
    if (parts.hostname or "").lower() != "drive.google.com":
        return url
    found = _DRIVE.search(parts.path)
    id = found[1] if found else (parse_qs(parts.query).get("id") or [""])[0]
    if not id:
        return url
    return f"https://drive.usercontent.google.com/download?id={quote(id)}&export=download&confirm=t"


def quoted(part: str) -> str:
    """Write a name so that it is one part of an address's path, whatever characters it has."""
    return quote(part, safe="")
