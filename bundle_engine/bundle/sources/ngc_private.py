"""An archive of a model in an organisation's private part of NVIDIA's catalogue NGC."""

from __future__ import annotations

import os
from collections.abc import Iterator

from bundle_engine.bundle.sources.bases import base, hosts_with
from bundle_engine.bundle.sources.ngc import HOSTS, latest, prefixed
from bundle_engine.bundle.sources.plans import Archive, Asking, Plan, Wanted, parts_of
from bundle_engine.errors import DownloadError, UsageError
from bundle_engine.network.addresses import quoted
from bundle_engine.network.transfer import fetch_json

__all__ = ["plans"]

KEY = "NGC_API_KEY"
_FORM = "org/org_name` or `org/org_name/team/team_name"


def plans(wanted: Wanted, asking: Asking) -> Iterator[Plan]:
    """Give the archive of a model; `repo` is ``org/NAME`` or ``org/NAME/team/NAME``, and the key gives access."""
    repo = "/".join(map(quoted, parts_of(_repo(wanted), (2, 4), _FORM)))
    headers = {"Authorization": f"Bearer {_token(wanted, asking)}"}
    hosts = hosts_with("ngc", HOSTS)
    name = prefixed(wanted.name)
    model = f"{base('ngc')}/{repo}/models/{quoted(name.lower())}"
    version = wanted.version or latest(model, asking.web(hosts, headers))
    url = f"{model}/versions/{quoted(version)}/zip"
    yield Archive(url, wanted._replace(name=name).folder, version, hosts, headers)


def _repo(wanted: Wanted) -> str:
    if wanted.repo:
        return wanted.repo
    organisation, team = os.environ.get("NGC_ORG"), os.environ.get("NGC_TEAM")
    if not organisation:
        raise UsageError(
            "the source ngc_private needs a repo", hint=f"give --repo {_FORM.split('`')[0]}, or set NGC_ORG"
        )
    return f"org/{organisation}/team/{team}" if team else f"org/{organisation}"


def _token(wanted: Wanted, asking: Asking) -> str:
    """Get what gives access for a while, for the key that gives access for ever."""
    key = wanted.token or os.environ.get(KEY)
    if not key:
        raise UsageError("the source ngc_private needs an API key", hint=f"set {KEY} in the environment")
    web = asking.web(hosts_with("ngc_token", ()), {"Authorization": f"ApiKey {key}"})
    answer = fetch_json(f"{base('ngc_token')}?service=ngc", web=web)
    token = answer.get("token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token.isprintable() or not token:
        raise DownloadError("NGC gives no token for this API key", hint=f"is {KEY} right?")
    return token
