"""An ensemble: several networks of one bundle vote, and the bundle's own post-processing has the last word.

The posteriors of the networks are averaged, one network after the other: there is one network in memory, which gets the
weights of each in turn, and one running sum. What is averaged are probabilities, and how a bundle makes them of what
its network gives is told, in this order, by

1. ``activation``, where it is given: ``softmax``, ``sigmoid`` or ``none``;
2. an ``Activationsd`` of the prediction in the post-processing, before it is made discrete. Because the post-processing
   is going to apply it to the average as well, it is given what leads back to the average: log-probabilities for
   softmax, log-odds for sigmoid;
3. the output itself: what lies between 0 and 1 are probabilities already, such as those of an inferer that makes them.
   Anything else goes through softmax over the channels; or through sigmoid, when there is one channel only, or when
   ``AsDiscreted`` cuts at a threshold and chooses no largest channel. The thresholds of such logits stay what they are,
   for the average is turned into log-odds again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bundle_engine.config import ConfigParser
from bundle_engine.config.ids import REFERENCE, SEP, TARGET
from bundle_engine.errors import InputError, UsageError
from bundle_engine.evaluation.sets import Places

if TYPE_CHECKING:
    import torch

__all__ = [
    "EnsembleInferer",
    "handlers_of",
    "is_ensemble",
    "is_loader",
    "loaders_apart",
    "loading_elsewhere",
    "steps_of",
    "voting",
]

SOFTMAX, SIGMOID, NONE = "softmax", "sigmoid", "none"
_INFERER = "bundle_engine.experiment.EnsembleInferer"
_NEAR = 1e-3  # by which probabilities may miss 0, 1 and the sum of 1, in half precision


class EnsembleInferer:
    """Applies one network with several sets of weights, and gives the average of the posteriors.

    It stands in an evaluator where its own inferer would::

        evaluator:
          inferer:
            _target_: bundle_engine.experiment.EnsembleInferer
            inferer: "@inferer"
            postprocessing: "@postprocessing"
            weights: [fold_0.pt, fold_1.pt]

    Args:
        weights: files with weights of the network.
        inferer: what applies the network to an image; by default the network is called.
        postprocessing: the evaluator's transforms after the network, which tell what the network's output is.
        activation: ``softmax``, ``sigmoid`` or ``none``, where they do not tell.
        pred_key: where the post-processing finds the prediction.
        key: where the weights are in a file; None finds them.

    Raises:
        UsageError: when there are no weights, or `activation` is none of these.
        InputNotFoundError: when a file is not there.
    """

    def __init__(
        self,
        weights: Sequence[str | Path],
        inferer: Callable[..., Any] | None = None,
        postprocessing: Any = None,
        *,
        activation: str | None = None,
        pred_key: str = "pred",
        key: str | None = None,
    ) -> None:
        from bundle_engine.workflow.files import check_files

        if isinstance(weights, str | Path) or not weights:
            raise UsageError("an ensemble needs a list of files with weights")
        if activation not in (None, SOFTMAX, SIGMOID, NONE):
            raise UsageError(f"'{activation}' is no activation", hint=f"there are {SOFTMAX}, {SIGMOID}, {NONE}")
        check_files([str(path) for path in weights], "weights")
        self.weights = tuple(Path(path) for path in weights)
        self.inferer = inferer
        self.key = key
        written = None if activation is not None else _activation_in(postprocessing, pred_key)
        self._activation = activation or written
        self._applied_again = written is not None
        self._cuts = _cuts_at_threshold(postprocessing, pred_key)
        self._loaded: tuple[int, Path] | None = None

    def __call__(self, inputs: torch.Tensor, network: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Apply the network with all weights.

        Args:
            inputs: what the evaluator gives: batch, channels, spatial axes.
            network: the network; its weights are replaced.
            args: further arguments for the inferer.
            kwargs: further arguments for the inferer.

        Returns:
            the average of the posteriors, in the form that the post-processing expects.

        Raises:
            InputError: when weights do not fit, or the network gives no single tensor.
        """
        total: torch.Tensor | None = None
        for path in self.weights:
            self._load(network, path)
            given = self.inferer(inputs, network, *args, **kwargs) if self.inferer else network(inputs, *args, **kwargs)
            posterior = self._posterior(given)
            del given
            total = posterior if total is None else total.add_(posterior)
            del posterior
        assert total is not None
        return self._as_expected(total.div_(len(self.weights)))

    def _load(self, network: Any, path: Path) -> None:
        from bundle_engine.workflow.checkpoints import load_weights, read_checkpoint, state_dict_of

        if self._loaded == (id(network), path):
            return
        self._loaded = None
        weights = state_dict_of(read_checkpoint(path, mmap=True), self.key, source=f"'{path}'")
        load_weights(network, weights, source=f"'{path}'")
        self._loaded = (id(network), path)

    def _posterior(self, given: Any) -> torch.Tensor:
        import torch

        if not isinstance(given, torch.Tensor):
            raise InputError(
                f"the network gives a {type(given).__name__}, and an ensemble averages one tensor",
                hint="let the config's inferer choose one of its outputs",
            )
        output = given.float()
        if self._activation is None:
            self._activation, self._applied_again = self._found_in(output)
        if self._activation == SOFTMAX:
            return output.softmax(dim=1)
        if self._activation == SIGMOID:
            return output.sigmoid()
        return output.clone() if output is given else output  # it is summed up in place

    def _found_in(self, output: torch.Tensor) -> tuple[str, bool]:
        """Tell from an output what makes probabilities of it, and whether thresholds are meant for it as it is."""
        if output.numel() and output.min() >= -_NEAR and output.max() <= 1 + _NEAR:
            return NONE, False
        if output.shape[1] == 1 or self._cuts:
            return SIGMOID, self._cuts
        return SOFTMAX, False

    def _as_expected(self, posterior: torch.Tensor) -> torch.Tensor:
        if not self._applied_again or self._activation == NONE:
            return posterior
        import torch

        tiny = torch.finfo(posterior.dtype).tiny
        if self._activation == SOFTMAX:
            return posterior.clamp_(min=tiny).log_()
        return torch.log(posterior.clamp(min=tiny)) - torch.log((1 - posterior).clamp(min=tiny))


def voting(parser: ConfigParser, places: Places, weights: Sequence[str], key: str | None = None) -> dict[str, Any]:
    """Give what to change in a config so that its evaluator becomes an ensemble.

    Args:
        parser: the config, with its macros written out.
        places: its parts.
        weights: files, or expressions that give them.
        key: where the weights are in a file.

    Returns:
        ids and values.
    """
    place = f"{places.evaluator}{SEP}inferer"
    after = f"{places.evaluator}{SEP}postprocessing"
    inferer: dict[str, Any] = {TARGET: _INFERER, "weights": list(weights)}
    if (own := _single(parser.get(place))) is not None:
        inferer["inferer"] = own
    if parser.get(after) is not None:
        written = parser.get(after)
        is_reference = isinstance(written, str) and written.startswith(REFERENCE)
        inferer["postprocessing"] = written if is_reference else f"{REFERENCE}{after}"
    if key is not None:
        inferer["key"] = key
    return {**loading_elsewhere(parser, places, weights[0]), place: inferer}


def loading_elsewhere(parser: ConfigParser, places: Places, weights: str) -> dict[str, Any]:
    """Give what to change in a config so that its handlers load no weights: something else does."""
    changes: dict[str, Any] = {}
    place = f"{places.evaluator}{SEP}inferer"
    if is_ensemble(parser, places):
        changes[place] = _single(parser.get(place))
    for at, handler in handlers_of(parser, places):
        if not is_loader(handler):
            continue
        changes[f"{at}{SEP}_disabled_"] = True
        written = handler.get("load_path")
        if isinstance(written, str) and written.startswith(REFERENCE) and written[1:] in parser:
            changes[written[1:]] = weights  # something else may ask whether the file is there
    return changes | {at: {TARGET: f"{__name__}.{NoLoader.__name__}"} for at, _ in loaders_apart(parser)}


def loaders_apart(parser: ConfigParser) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give what loads weights and stands by itself, with its id; ``initialize`` calls it, or a list names it."""
    for id in parser.get():
        written = parser.get(str(id))
        if isinstance(written, Mapping) and is_loader(written) and len(written.get("load_dict", ())) == 1:
            yield str(id), written


def is_loader(written: Mapping[str, Any]) -> bool:
    """Tell whether a component is MONAI's handler that loads weights."""
    return str(written.get(TARGET)).rpartition(".")[2] == "CheckpointLoader"


class NoLoader:
    """Stands in the place of a handler that loads weights, where something else loads them."""

    def attach(self, engine: Any) -> None:
        """Attach nothing."""

    def __call__(self, engine: Any) -> None:
        """Load nothing."""


def is_ensemble(parser: ConfigParser, places: Places) -> bool:
    """Tell whether a config's evaluator is an ensemble already."""
    written = parser.get(f"{places.evaluator}{SEP}inferer")
    return _single(written) is not written


def _single(inferer: Any) -> Any:
    """Give what applies one network, of an inferer that may be an ensemble's."""
    is_ours = isinstance(inferer, Mapping) and str(inferer.get(TARGET)).rpartition(".")[2] == EnsembleInferer.__name__
    return inferer.get("inferer") if is_ours else inferer


def handlers_of(parser: ConfigParser, places: Places) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the handlers of an evaluator as they are written, with their ids."""
    written = parser.get(places.handlers)
    for number, handler in enumerate(written if isinstance(written, list) else []):
        if isinstance(handler, Mapping):
            yield f"{places.handlers}{SEP}{number}", handler


# --- what the post-processing says of the output ---


def steps_of(transform: Any) -> Iterator[Any]:
    """Give the transforms that a Compose, or several inside each other, apply one after the other."""
    from monai.transforms import Compose

    if isinstance(transform, Compose):
        for step in transform.transforms:
            yield from steps_of(step)
    elif transform is not None:
        yield transform


def _activation_in(postprocessing: Any, pred_key: str) -> str | None:
    """Tell which activation the post-processing applies to the prediction before it is made discrete."""
    from monai.transforms import Activationsd, AsDiscreted

    for step in steps_of(postprocessing):
        if isinstance(step, AsDiscreted) and pred_key in step.keys:
            return None
        if not isinstance(step, Activationsd) or pred_key not in step.keys:
            continue
        which = tuple(step.keys).index(pred_key)
        if step.softmax[which]:
            return SOFTMAX
        if step.sigmoid[which]:
            return SIGMOID
        if step.other[which] is not None:
            raise UsageError(
                "the post-processing has an activation of its own, and it is not known what leads back to it",
                hint="make the probabilities in the inferer, and leave the activation out",
            )
    return None


def _cuts_at_threshold(postprocessing: Any, pred_key: str) -> bool:
    """Tell whether the prediction is made discrete by thresholds, and not by its largest channel."""
    from monai.transforms import AsDiscreted

    for step in steps_of(postprocessing):
        if isinstance(step, AsDiscreted) and pred_key in step.keys:
            which = tuple(step.keys).index(pred_key)
            return not step.argmax[which] and step.threshold[which] is not None
    return False
