"""Export a network: find everything, write a file, prove that it is right, give it its name."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bundle_engine.config import ConfigParser
from bundle_engine.errors import BundleEngineError, ExportError, UsageError
from bundle_engine.export.comparison import Comparison, check_repeatable, compare
from bundle_engine.export.network import build_network
from bundle_engine.export.request import Request, tolerances
from bundle_engine.export.samples import Arguments, Samples, find_samples
from bundle_engine.export.subject import Subject, find_subject
from bundle_engine.resources import bundles_dir
from bundle_engine.workflow.approval import require_approval, roots_from_elsewhere
from bundle_engine.workflow.replacement import check_writable, replacing
from bundle_engine.workflow.roots import importable

if TYPE_CHECKING:
    import torch

__all__ = ["Attempt", "Export", "Job", "Written", "open_job", "quiet", "write_first"]


@dataclass(frozen=True)
class Job:
    """Everything that an export needs.

    Attributes:
        subject: the config and the metadata.
        network: the network with its weights, for inference, on the CPU.
        checkpoint: where the weights came from; None for those it was built with.
        samples: inputs that it takes.
        target: the file to write.
        rtol: how much outputs may differ, relative to their largest value.
        atol: how much they may differ besides that.
        options: further arguments for what converts.
    """

    subject: Subject
    network: torch.nn.Module
    checkpoint: Path | None
    samples: Samples
    target: Path
    rtol: float
    atol: float
    options: Mapping[str, Any]

    def extra_files(self) -> dict[str, str]:
        """Give the metadata and the config files, each as JSON, by the names that MONAI reads them under.

        Raises:
            UsageError: when two of the files have one name.
        """
        extra = {"metadata.json": json.dumps(dict(self.subject.metadata), default=str)}
        for file in self.subject.files:
            name = f"{file.stem}.json"
            if name in extra:
                raise UsageError(f"the name '{name}' is there twice among the files to include", hint="rename one")
            extra[name] = json.dumps(ConfigParser.load_config_file(file), default=str)
        return extra


@dataclass(frozen=True)
class Export:
    """What was exported.

    Attributes:
        path: the file.
        net_id: id of the network.
        checkpoint: where its weights came from; None for those it was built with.
        made_by: what made the file, such as ``torch.jit.script``.
        axes: by input, which axes vary, and their names.
        comparison: how far the file is from the network.
        notes: what else is worth knowing.
    """

    path: Path
    net_id: str
    checkpoint: Path | None
    made_by: str
    axes: Mapping[str, Mapping[int, str]]
    comparison: Comparison
    notes: tuple[str, ...]


class Written(NamedTuple):
    """A file that was written, and how to see whether it is right.

    Attributes:
        run: reads the file and calls what is in it.
        samples: inputs that the file takes.
        notes: what is worth knowing.
    """

    run: Callable[[Arguments], Any]
    samples: Samples
    notes: tuple[str, ...] = ()


class Attempt(NamedTuple):
    """One way to export.

    Attributes:
        name: what makes the file.
        write: writes it.
        note: what to say when this way was taken and not one before it.
    """

    name: str
    write: Callable[[Path], Written]
    note: str = ""


@contextmanager
def open_job(request: Request, name: str, *, rtol: float = 1e-4) -> Iterator[Job]:
    """Find everything for an export, and keep the bundle's own modules importable.

    Args:
        request: what was asked for.
        name: name of the file where none is asked for, such as ``model.ts``; one without a suffix gets that of this.
        rtol: how much outputs may differ where nothing is asked for.

    Raises:
        InputError: when something cannot be found or read.
        PolicyError: for a bundle from elsewhere that was not approved: its code is run.
        UsageError: when the file could not be written.
    """
    rtol, atol, options = tolerances(request, rtol)
    target = None if request.filepath is None else _with_suffix(Path(request.filepath), Path(name).suffix)
    if target is not None:
        check_writable(target)
    require_approval(request.bundle, request.config_file, request.meta_file, request.ckpt_file, Path.cwd())
    subject = find_subject(request)
    with importable(subject.root):
        network, checkpoint = build_network(subject, request)
        if target is None:
            target = _folder(subject.root, checkpoint) / name
            check_writable(target)
        format = subject.data_format()
        with quiet():
            samples = find_samples(network, format, request.input_shape, subject.net_id)
            check_repeatable(network, samples)
        yield Job(subject, network, checkpoint, samples, target, rtol, atol, options)


def write_first(job: Job, attempts: Sequence[Attempt]) -> Export:
    """Export in the first way that gives a file which computes what the network does.

    Raises:
        ExportError: when there is none; nothing was written then.
    """
    failures: list[tuple[Attempt, BundleEngineError]] = []
    for attempt in attempts:
        try:
            with quiet(), replacing(job.target) as temporary:
                written = _write(attempt, temporary)
                comparison = compare(
                    job.network, written.run, written.samples, rtol=job.rtol, atol=job.atol, what="the exported file"
                )
        except ExportError as error:
            failures.append((attempt, error))
        else:
            notes = (*job.samples.notes, *([attempt.note] if failures and attempt.note else []), *written.notes)
            return Export(
                job.target, job.subject.net_id, job.checkpoint, attempt.name, written.samples.axes, comparison, notes
            )
    if len(failures) == 1:
        raise failures[0][1]
    *_, (_, last) = failures
    raise ExportError(
        f"the network '{job.subject.net_id}' cannot be exported so that it computes the same",
        notes=[f"{attempt.name}: {error.message}" for attempt, error in failures],
        hint=last.hint,
    ) from last


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what torch warns of, logs and prints while it converts: whether the result is right is found by comparing.

    What cannot be converted is an exception, and told as an error.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _write(attempt: Attempt, path: Path) -> Written:
    try:
        return attempt.write(path)
    except (BundleEngineError, MemoryError):
        raise
    except Exception as error:  # whatever torch and the packages below it raise for what they cannot convert
        lines = [line for line in str(error).split("\n") if line.strip()]
        said = " ".join(" ".join(lines).split())[:400] or type(error).__name__
        raise ExportError(f"{attempt.name} cannot export the network: {said}") from error


def _folder(root: Path, checkpoint: Path | None) -> Path:
    """Choose where the file is written: beside the checkpoint, or in the bundle's ``models``.

    A bundle from elsewhere stays as it was approved, and a ready-made one as it was installed: then it is the working
    directory.
    """
    folder = root / "models" if checkpoint is None else checkpoint.parent
    if roots_from_elsewhere(folder) or folder.resolve().is_relative_to(bundles_dir().resolve()):
        return Path.cwd()
    if checkpoint is None:
        folder.mkdir(exist_ok=True)
    return folder


def _with_suffix(path: Path, suffix: str) -> Path:
    return path if path.suffix else path.with_name(path.name + suffix)
