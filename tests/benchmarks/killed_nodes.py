"""Kill machines of a ray cluster under a cross-validation; what it comes to must be the same.

``python -m tests.benchmarks.killed_nodes 10 0``: how often, and the seed of the moments. The machines are raylets on this
one. Each that is gone is replaced by another; the folds that were on it go on there from their last checkpoints, and the
cross-validation itself is not started anew.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.killed_folds import EPOCHS, begin, command, digests, epoch, undisturbed
from tests.benchmarks.measure import ROOT, goal

PER_ROUND = 3  # machines that go in one cross-validation: a fold goes on elsewhere five times at most
LONGEST, PATIENCE = 1.5, 300.0  # seconds from an epoch's end to the next death; of a cross-validation


def kill_a_node(cluster: Any, chance: random.Random) -> str:
    """End a machine as if it were switched off, and bring in another."""
    node = chance.choice(sorted(cluster.worker_nodes, key=lambda each: str(each.node_id)))
    cluster.remove_node(node, allow_graceful=False)
    cluster.add_node(num_cpus=1)
    return str(node.node_id)[:8]


def one_round(cluster: Any, arguments: tuple[str, ...], parent: Path, chance: random.Random) -> tuple[int, int]:
    """Cross-validate while machines die; give how many did, and the exit code."""
    process = command(*arguments, "--launcher", "ray", "--launcher_settings", f"{{address: '{cluster.address}'}}")
    folds = [parent / "fold_0", parent / "fold_1"]
    killed = 0
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        before = [epoch(fold) for fold in folds]
        moment = chance.uniform(0, LONGEST)
        while process.poll() is None and before == [epoch(fold) for fold in folds] and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(moment)
        at_work = any(epoch(fold) < EPOCHS for fold in folds)
        if killed < PER_ROUND and at_work and process.poll() is None:
            name = kill_a_node(cluster, chance)
            killed += 1
            epochs = ", ".join(str(epoch(fold)) for fold in folds)
            print(f"  killed the machine {name}; the folds have come to the epochs {epochs}", flush=True)
    if process.poll() is None:
        process.kill()
    return killed, process.wait()


def main(times: int, seed: int) -> bool:
    """Print what happened; tell whether all came to the same."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["PYTHONPATH"] = str(ROOT)
    from ray.cluster_utils import Cluster

    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="killed_nodes_") as name:
        folder = Path(name)
        bundle, expected = undisturbed(folder)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        try:
            for _ in range(2):
                cluster.add_node(num_cpus=1)
            same, killed, rounds = 0, 0, 0
            while killed < times:
                parent = folder / f"parent_{rounds}"
                dead, code = one_round(cluster, begin(bundle, parent), parent, chance)
                killed, rounds = killed + dead, rounds + 1
                equal = code == 0 and digests(parent) == expected
                same += equal
                print(f"  exit code {code}; the weights are {'the same' if equal else 'others'}", flush=True)
        finally:
            cluster.shutdown()
    return goal(f"cross-validations under which {killed} machines died that came to the same", same / rounds, least=1)


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    sys.exit(0 if main(*(given + [10, 0][len(given) :])) else 1)
