"""Let several processes speak with one voice: the first one's, and the first error of all."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import Any

from bundle_engine.workflow.processes.launched import FIRST_ERROR, Launched

__all__ = ["first_to_fail", "one_voice", "whose"]

_LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Connection refused")
_GRACE = 1.0  # seconds in which whoever caused a lost connection can say what happened
_ALIKE = "bundle_engine"  # the logger of the product, whose messages are the same in all
_first: bool | None = None  # whether this process was the first to fail, once it has
_name = ""  # what it was called then


@contextmanager
def one_voice() -> Iterator[None]:
    """Be silent in all processes but the first, apart from warnings and errors in the log, which say their rank."""
    launched = Launched.now()
    if not launched.together:
        yield
        return
    logging.getLogger().addFilter(_is_news)
    with ExitStack() as stack:
        if launched.rank:
            os.environ["TQDM_DISABLE"] = "1"
            stack.enter_context(redirect_stdout(stack.enter_context(open(os.devnull, "w", encoding="utf-8"))))
            before, disabled = logging.getLogRecordFactory(), logging.root.manager.disable

            def record(*args: Any, **kwargs: Any) -> logging.LogRecord:
                made = before(*args, **kwargs)
                made.msg = f"[rank {launched.rank}] {made.msg}"
                return made

            logging.setLogRecordFactory(record)
            logging.disable(logging.INFO)
            logging.getLogger(_ALIKE).setLevel(logging.CRITICAL)
            stack.callback(logging.setLogRecordFactory, before)
            stack.callback(logging.disable, disabled)
            stack.enter_context(_no_warnings())
        yield


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Keep back Python's warnings: the first process gives the same."""
    show = warnings.showwarning
    warnings.showwarning = lambda *args, **kwargs: None
    try:
        yield
    finally:
        warnings.showwarning = show


def _is_news(record: logging.LogRecord) -> bool:
    """Tell whether a record says what nothing else does: an engine's exception is told when it has gone through."""
    return "terminating due to exception" not in str(record.msg)


def whose() -> str:
    """Name this process for messages; an empty string where it works alone, or does not know the others yet."""
    if _first is not None:
        return _name  # the others may be unknown again
    launched = Launched.now()
    dist = getattr(sys.modules.get("torch"), "distributed", None)
    if not launched.together or dist is None or not dist.is_available() or not dist.is_initialized():
        return ""
    return f"rank {launched.rank}"


def first_to_fail(error: BaseException | None = None) -> bool:
    """Tell whether this process is the first that fails, so that its error is the one to show.

    It is asked when an error occurs, and remembers the answer: the others fail soon after because of it.

    Args:
        error: why it fails; where that is a lost connection, the one who was lost is given the time to say why.
    """
    global _first, _name
    launched = Launched.now()
    if not launched.together:
        return True
    if _first is None:
        _name = whose()
        _first = _claim(launched, error)
    return _first


def _claim(launched: Launched, error: BaseException | None) -> bool:
    if _is_lost_connection(error):
        import time

        time.sleep(_GRACE)
    if file := os.environ.get(FIRST_ERROR):
        try:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        except OSError:
            return True
        return True
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        return _claim_in_store(launched)
    return True


def _claim_in_store(launched: Launched) -> bool:
    """Ask the store of torchrun, which outlives the processes."""
    from datetime import timedelta

    try:
        from torch.distributed import TCPStore

        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = TCPStore(address, port, launched.size, False, timeout=timedelta(seconds=5), wait_for_workers=False)
        return int(store.add(f"bundle_engine/failed/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", 1)) == 1
    except Exception:  # better told twice than not at all
        return True


def _is_lost_connection(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, RuntimeError) and any(text in str(error) for text in _LOST):
            return True
        error = error.__cause__ or error.__context__
    return False
