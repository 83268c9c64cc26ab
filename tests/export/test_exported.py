"""`export`: .pt2 files that need torch alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

from bundle_engine.errors import ExportError
from bundle_engine.export.exported import export

ELSEWHERE = """
import sys, torch
for name in ("unet", "densenet", "two-inputs"):
    program = torch.export.load(f"{name}.pt2")
    inputs, expected = torch.load(f"{name}.pt", weights_only=True)
    given = program.module()(*inputs)
    assert torch.allclose(given, expected, rtol=1e-4, atol=1e-6), (name, (given - expected).abs().max())
assert not {"bundle_engine", "monai", "scripts"} & set(sys.modules)
"""


def test_another_process_reads_the_files_with_torch_alone(bundle, tmp_path):
    image, other = torch.rand(1, 1, 40, 56), torch.rand(1, 2, 40, 56)
    for name in ("unet", "densenet", "two-inputs"):
        made = bundle(name, root=tmp_path / name)
        done = export(bundle=made.root, filepath=f"{name}.pt2")
        assert done.notes == ()
        assert done.comparison.max_rel < 1e-5
        inputs = (image, torch.tensor([4]), other) if name == "two-inputs" else (image,)
        with torch.no_grad():
            torch.save([inputs, made.network(*inputs)], f"{name}.pt")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", ELSEWHERE],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_axes_vary_as_the_metadata_says_and_configs_are_inside(bundle, cli):
    made = bundle("dict-output")
    code, out, err = cli("export", "--bundle", made.root)
    assert (code, err) == (0, "")
    assert "by torch.export.export\n  input 'image': batch (axis 0), axis 2, axis 3 may vary\n" in out
    assert "2 outputs: largest difference 0" in out
    extra = {"metadata.json": "", "inference.json": ""}
    program = torch.export.load(made.root / "models" / "model.pt2", extra_files=extra)
    assert json.loads(extra["metadata.json"])["version"] == "0.1.0"
    assert json.loads(extra["inference.json"])["network_def"]["_target_"] == "scripts.networks.DictOutput"
    assert program.module()(torch.rand(4, 1, 33, 12)).keys() == {"features", "logits"}
    assert str(made.root) not in "".join(str(node.meta.get("stack_trace")) for node in program.graph.nodes)


def test_what_the_code_fixes_is_noted(bundle):
    made = bundle("one-size")
    done = export(bundle=made.root)
    assert done.axes == {"image": {0: "batch"}}
    assert done.notes == (
        "the network's code fixes axis 2 of 'image' at 16",
        "the network's code fixes axis 3 of 'image' at 16",
    )
    assert done.comparison.shapes == ("2x1x16x16", "1x1x16x16")


def test_one_shape_can_be_asked_for(bundle):
    made = bundle("unet")
    done = export(bundle=made.root, input_shape="[1, 1, 12, 20]")
    assert done.axes == {"image": {}}
    assert done.comparison.shapes == ("1x1x12x20",)


def test_a_network_that_cannot_be_exported_is_told(cli, bundle):
    made = bundle("deciding")
    code, out, err = cli("export", "--bundle", made.root)
    assert (code, out) == (1, "")
    assert err.startswith("error: the network 'network_def' cannot be exported so that it computes the same\n")
    assert err.count("torch.export.export: torch.export.export cannot export the network: ") == 2
    assert made.models == ["model.pt"]


def test_random_numbers_are_told(bundle):
    made = bundle("dropping")
    with pytest.raises(ExportError, match="another output each time"):
        export(bundle=made.root)
    assert made.models == ["model.pt"]


def test_tolerances_decide(bundle):
    made = bundle("densenet")
    with pytest.raises(ExportError, match=r"differs by .*\(tolerance 0 \+ 0 of the largest value; --atol and --rtol"):
        _with_noise(made, rtol=0, atol=0)
    assert made.models == ["model.pt"]
    assert _with_noise(made, rtol=1, atol=0).comparison.max_abs > 0


def _with_noise(made, **tolerances):
    """Export a network whose file computes almost the same: half of the time its input is another."""
    code = made.root / "scripts" / "networks.py"
    code.write_text(
        code.read_text()
        + "\nclass Noisy(DictOutput):\n    def forward(self, x):\n        y = self.conv(x)\n"
        + "        return y * 1.001 if torch.compiler.is_exporting() else y\n"
    )
    config = made.root / "configs" / "inference.json"
    config.write_text(json.dumps({"network_def": {"_target_": "scripts.networks.Noisy"}}))
    for name in [name for name in sys.modules if name.startswith("scripts")]:
        del sys.modules[name]
    return export(bundle=made.root, initial_weights=True, input_shape=[1, 1, 8, 8], **tolerances)
