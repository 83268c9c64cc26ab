"""The index of targets: from cold, from its cache, and how much of what is installed it knows, and how truly."""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
import time
import types
import warnings
from pathlib import Path
from typing import Any

from bundle_engine.inspection.targets import Found, NotFound, TargetIndex
from tests.benchmarks.measure import goal, median, process

RUNS = 7
PACKAGES = (
    "torch.nn",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.utils.data",
    "ignite.handlers",
    "ignite.metrics",
)
# what a large bundle names: some hundred classes of MONAI by short name, and those of torch and ignite
OTHERS = (
    "ignite.handlers.EarlyStopping",
    "ignite.metrics.Accuracy",
    "monai.networks.nets.UNet",
    "torch.device",
    "torch.nn.CrossEntropyLoss",
    "torch.nn.parallel.DistributedDataParallel",
    "torch.optim.Adam",
    "torch.optim.lr_scheduler.StepLR",
    "torch.utils.data.DataLoader",
)
CHOOSE = """
import json, pathlib, sys
from bundle_engine.inspection.targets import TargetIndex

names = TargetIndex(cache=False).short_names()
public = [name for name in names if name[0].isupper() and not name.endswith(("D", "Dict"))]
pathlib.Path(sys.argv[1]).write_text(json.dumps([*public[::8], *sys.argv[2:]]))
"""
LOOKUPS = """
import json, pathlib, sys
from bundle_engine.inspection.targets import TargetIndex

cache, targets = sys.argv[1:]
with TargetIndex(cache=cache) as index:
    for target in json.loads(pathlib.Path(targets).read_text()):
        index.lookup(target)
assert not {"torch", "monai", "ignite"} & set(sys.modules)
"""


def main() -> bool:
    """Print the figures; tell whether all goals are reached."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        targets = here / "targets.json"
        process(["-c", CHOOSE, str(targets), *OTHERS], here)  # a small process has small children
        lookups = ["-c", LOOKUPS, str(here / "cache"), str(targets)]
        bare = median([process(["-c", "import bundle_engine.inspection.targets"], here) for _ in range(RUNS)])
        cold = process(lookups, here)
        warm = median([process(lookups, here) for _ in range(RUNS)])
        size = sum(file.stat().st_size for file in (here / "cache").iterdir())
        number = len(json.loads(targets.read_text()))
        print(f"  {number} targets; the cache has {size / 2**20:.1f} MB; the import takes {bare.cpu:.3f} s CPU")
        reached = [
            goal("from cold, CPU", cold.cpu, most=4, unit=" s"),
            goal("from cold, memory", cold.memory, most=80, unit=" MB"),
            goal(
                "from the cache, more than the import takes (CPU)", 1000 * (warm.cpu - bare.cpu), most=100, unit=" ms"
            ),
            goal("from the cache, memory", warm.memory, most=60, unit=" MB"),
        ]
        with TargetIndex(cache=here / "cache") as index:
            reached += _truth(index)
    return all(reached)


def _truth(index: TargetIndex) -> list[bool]:
    """Hold what is said of MONAI, torch and ignite against what Python says of them."""
    names = _callables()
    counts = {"known": 0, "there": 0, "unknown": 0}
    wrong: list[str] = []
    begin = time.process_time()
    for path, value in names.items():
        found = index.lookup(path)
        if isinstance(found, NotFound):
            wrong.append(path)
        parameters = found.definition.parameters if isinstance(found, Found) else None
        if parameters is None:
            counts["there" if isinstance(found, Found) else "unknown"] += 1
            continue
        counts["known"] += 1
        if [p.name for p in parameters] != _in_python(value):
            wrong.append(path)
    took = 1e6 * (time.process_time() - begin) / len(names)
    print(f"  {len(names)} classes and functions of MONAI, {', '.join(PACKAGES)}: {took:.0f} µs each; signature known")
    print(f"  {counts['known']}, there without a known signature {counts['there']}, unknown {counts['unknown']}")
    return [
        goal("signatures known", 100 * counts["known"] / len(names), least=85, unit=" %"),
        goal(f"said wrongly {wrong[:3] or ''}", len(wrong), most=0),
    ]


def _callables() -> dict[str, Any]:
    """Give the classes and functions that MONAI defines, and those that the other packages offer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        __import__("monai")
        for package in PACKAGES:
            __import__(package)
    names = {}
    for module_name, module in list(sys.modules.items()):
        of_monai = module_name.partition(".")[0] == "monai"
        for name, value in list(vars(module).items()) if of_monai or module_name in PACKAGES else ():
            mine = isinstance(value, (type, types.FunctionType)) and value.__module__ == module_name
            if mine if of_monai else callable(value) and not name.startswith("_"):
                names[f"{module_name}.{name}"] = value
    return names


def _in_python(value: Any) -> list[str]:
    """Give the names of the parameters that a call has to fit."""
    names = list(inspect.signature(value).parameters)
    if isinstance(value, type) and names == ["args", "kwargs"]:  # of a __new__, or of a wrapper, that takes anything
        init: Any = value.__init__  # type: ignore[misc]
        inner = inspect.unwrap(init)
        names = list(inspect.signature(init).parameters)[1:] if inner is not object.__init__ else []
    return names


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
