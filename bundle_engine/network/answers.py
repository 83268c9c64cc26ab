"""Ask a web server for something, follow its redirects, and understand its answer."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin

from bundle_engine.errors import DownloadError, NotPublishedError
from bundle_engine.network.addresses import (
    check_address,
    check_redirect,
    host_of,
    is_local,
    origin_of,
    split_credentials,
    without_secrets,
)
from bundle_engine.network.limits import Limits
from bundle_engine.network.retrying import Broken

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

__all__ = ["Answer", "Web", "title_of"]

_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 425, 429, 500, 502, 503, 504)  # what a server says when it may be better soon
_TITLE = re.compile(rb"<title[^>]*>([^<]*)", re.IGNORECASE)
_QUERY = re.compile(r"[?#][^\s\"]*")
_USER_INFO = re.compile(r"//[^/\s@]*@")


class Answer(NamedTuple):
    """What a server answered.

    Attributes:
        response: with status 200, 206 or 416; its body is still to be read.
        url: the address that answered, after all redirects, without secrets.
        hosts: the hosts that were asked, one after the other.
    """

    response: Response
    url: str
    hosts: tuple[str, ...]


class Web:
    """A way to ask web servers.

    Args:
        limits: timeouts, and how many redirects are followed.
        hosts: hosts that redirects may lead to, besides the one that was asked; None for any public one.
        headers: headers that only the first address's host gets to see, such as ``Authorization``.
        note: told what a person should know.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        hosts: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
        note: Callable[[str], object] = lambda text: None,
    ) -> None:
        self.limits = limits
        self.hosts = hosts
        self.private = dict(headers or {})
        self.note = note
        self._told: set[tuple[str, ...]] = set()

    @contextmanager
    def ask(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Answer]:
        """Ask for an address, and follow where it leads.

        Args:
            url: the address; a user and password in it are sent to its own host only.
            headers: further headers, which are no secret.

        Raises:
            UsageError: when it is no address of a web server.
            NotPublishedError: when there is nothing at the address.
            DownloadError: when the server refuses, or when a redirect is refused.
            Broken: when trying again may help.
        """
        import requests

        address, basic = split_credentials(check_address(url))
        private = {**({"Authorization": basic} if basic else {}), **self.private}
        with _silent(), requests.Session() as session:
            # or else requests reads the whole body of a redirect, however long, to look where it leads
            session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]
            response, final, hosts = self._follow(session, address, private, dict(headers or {}))
            with response:
                self._tell_hosts(hosts)
                _check_status(response, final)
                yield Answer(response, without_secrets(final), hosts)

    def _follow(
        self, session: Session, start: str, private: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[Response, str, tuple[str, ...]]:
        here, seen, hosts = start, [start], [host_of(start)]
        while True:
            secret = private if origin_of(here) == origin_of(start) else {}
            response = self._get(session, here, {**headers, **secret})
            target = response.headers.get("Location", "").encode("latin-1", "replace").decode("utf-8", "replace")
            if response.status_code not in _REDIRECTS or not target:
                return response, here, tuple(hosts)
            response.close()
            there = _joined(here, target)
            check_redirect(start, here, there, self.hosts)
            there = split_credentials(there)[0]  # a password that the target brings along is nobody's to send
            self._check_resolved(start, here, there)
            if there in seen:
                raise DownloadError(f"'{without_secrets(start)}' redirects in a circle, to '{without_secrets(there)}'")
            if len(seen) > self.limits.redirects:
                raise DownloadError(f"'{without_secrets(start)}' redirects more than {self.limits.redirects} times")
            seen.append(there)
            if host_of(there) != hosts[-1]:
                hosts.append(host_of(there))
            here = there

    def _check_resolved(self, start: str, here: str, there: str) -> None:
        """Refuse a public name that stands for a private address, where this computer looks names up itself."""
        from requests.utils import get_environ_proxies, select_proxy

        host, first = host_of(there), host_of(start)
        if host == first or select_proxy(there, get_environ_proxies(there)) or not _looked_up_local(host):
            return
        # where even the first host has a private address, a proxy or a firewall answers for all names
        if not is_local(first) and not _looked_up_local(first):
            shown = f"'{without_secrets(here)}' redirects to '{without_secrets(there)}'"
            raise DownloadError(f"{shown}, which is refused: that name stands for an address in a private network")

    def _get(self, session: Session, url: str, headers: Mapping[str, str]) -> Response:
        import requests

        from bundle_engine import __version__

        own = {"User-Agent": f"bundle-engine/{__version__}", "Accept-Encoding": "identity"}
        host, reason = host_of(url), ""
        try:
            return session.get(
                url,
                headers={**own, **headers},
                stream=True,
                allow_redirects=False,
                timeout=(self.limits.connect, self.limits.silence),
                auth=_as_it_is,
            )
        except requests.exceptions.SSLError:
            reason = f"the encryption of '{host}' cannot be trusted: its certificate is wrong, or there is a proxy"
        except requests.exceptions.ProxyError:
            reason = "the proxy cannot be reached, or it refuses"
        except requests.exceptions.ConnectTimeout:
            reason = f"'{host}' does not answer"
        except requests.exceptions.ReadTimeout:
            reason = f"'{host}' took the question and does not answer"
        except requests.exceptions.ConnectionError:
            reason = f"'{host}' cannot be reached"
        except (requests.exceptions.RequestException, ValueError, OSError):
            reason = f"'{host}' answers what is no HTTP"
        # what the libraries say has the whole address in it, with what may be secret there
        raise Broken(reason) from None

    def _tell_hosts(self, hosts: tuple[str, ...]) -> None:
        if len(hosts) > 1 and hosts not in self._told:
            self._told.add(hosts)
            logging.getLogger(__name__).info("%s", f"redirected from {' to '.join(hosts)}")


def _joined(here: str, target: str) -> str:
    try:
        return urljoin(here, target)
    except ValueError:
        raise DownloadError(f"'{without_secrets(here)}' redirects to what is no address") from None


def _looked_up_local(host: str) -> bool:
    """Tell whether a name stands for an address of this computer or of a private network."""
    import socket

    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False  # asking it will say what is wrong
    return any(is_local(str(entry[4][0])) for entry in found)


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    """Stand where requests would take a password from ``.netrc``."""
    return request


def _check_status(response: Response, url: str) -> None:
    code = response.status_code
    if code in (200, 206, 416):
        return
    phrase = HTTPStatus(code).phrase if code in set(HTTPStatus) else "unknown"
    shown = f"'{without_secrets(url)}' answered {code} {phrase}"
    if code in _PASSING:
        wait = _retry_after(response)
        asked = f", and asks to wait {wait:.0f} s" if wait else ""
        raise Broken(shown + asked, wait=wait, hint="try again later" if code == 429 else None)
    if code in (404, 410):
        raise NotPublishedError(shown, hint="is the address right?")
    if code in (401, 403):
        hint = "is a token or a password needed, or has it run out?"
        if response.headers.get("X-RateLimit-Remaining") == "0":
            hint = "this server's limit for anonymous questions is reached: give --auth_token, or try again later"
        raise DownloadError(f"{shown}: it does not give access", hint=hint)
    if code in _REDIRECTS:
        raise DownloadError(f"{shown}, but not where to")
    raise DownloadError(shown)


def _retry_after(response: Response) -> float | None:
    """Read how many seconds the server asks to wait."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text[:9])
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())


def title_of(head: bytes) -> str | None:
    """Tell a web page by its beginning.

    Returns:
        its title, perhaps empty; None when it is no page.
    """
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")):
        return None
    found = _TITLE.search(head)
    return " ".join(found[1].decode("utf-8", "replace").split())[:80] if found else ""


@contextmanager
def _silent() -> Iterator[None]:
    """Keep queries and passwords out of what urllib3 writes to a log of level DEBUG."""
    logger = logging.getLogger("urllib3.connectionpool")
    logger.addFilter(_redact)
    try:
        yield
    finally:
        logger.removeFilter(_redact)


def _redact(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(_clean(each) if isinstance(each, str) else each for each in record.args)
    return True


def _clean(text: str) -> str:
    return _USER_INFO.sub("//", _QUERY.sub("?…", text))
