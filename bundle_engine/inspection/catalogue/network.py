"""What can be wrong with metadata as the description of a network's inputs and outputs.

The examples hold both in one document: the network's config and, as in metadata, its ``network_data_format``.
"""

from __future__ import annotations

from bundle_engine.inspection.findings import Code

__all__ = ["CODES"]

_NETWORK = """\
network_def:
  _target_: UNet
  spatial_dims: 2
  in_channels: 1
  out_channels: 2
  channels: [4, 8]
  strides: [2]
  norm: batch
"""
_TRANSFORMER = """\
network_def:
  _target_: ViT
  in_channels: 1
  img_size: [32, 32]
  patch_size: [8, 8]
  hidden_size: 24
  num_heads: 2
  num_layers: 1
  spatial_dims: 2
"""
_INPUTS = """\
network_data_format:
  inputs:
    image: {num_channels: 1, spatial_shape: ["2*n", "2*n"], dtype: float32}
"""
_OUTPUTS = """\
  outputs:
    pred: {num_channels: 2, spatial_shape: ["2*n", "2*n"], dtype: float32}
"""
_RIGHT = _NETWORK + _INPUTS + _OUTPUTS


def _input(fields: str) -> str:
    return f"{_NETWORK}network_data_format:\n  inputs:\n    image:\n{_indented(fields)}{_OUTPUTS}"


def _output(fields: str, network: str = _NETWORK) -> str:
    return f"{network}{_INPUTS}  outputs:\n    pred:\n{_indented(fields)}"


def _indented(fields: str) -> str:
    return "".join(f"      {line}\n" for line in fields.strip().split("\n"))


_IDENTITY = "network_def: {_target_: torch.nn.Identity}\n"
_FLATTEN = """\
network_def:
  _target_: torch.nn.Sequential
  _args_:
  - {_target_: torch.nn.AdaptiveAvgPool2d, output_size: 1}
  - {_target_: torch.nn.Flatten}
  - {_target_: torch.nn.Linear, in_features: 1, out_features: 2}
"""

CODES = (
    Code(
        "BE080",
        "error",
        "network that cannot be built",
        "The config has no network at the id, or building it fails. The message is that of the config, or of the"
        " network itself.",
        "network_def: {_target_: torch.nn.Conv2d, in_channels: 3, out_channels: 2, kernel_size: 3, groups: 2}  # here\n"
        + _INPUTS
        + _OUTPUTS,
        _RIGHT,
    ),
    Code(
        "BE081",
        "error",
        "network refuses its inputs",
        "The network raises an error for inputs as the metadata describes them. Other numbers of channels, number"
        " types and sizes were tried, too, and it takes none of them.",
        _TRANSFORMER
        + """\
network_data_format:
  inputs:
    image: {num_channels: 1, spatial_shape: [40, 40], dtype: float32}  # here
  outputs:
    pred: {num_channels: 16, spatial_shape: [24], dtype: float32}
""",
        _RIGHT,
    ),
    Code(
        "BE082",
        "error",
        "inputs that are not the network's",
        "The inputs of the metadata go to the arguments of the network's `forward`: each to the one of its name, or"
        " else to the next that is free. There are more inputs than arguments, or an argument without an input.",
        _NETWORK
        + _INPUTS
        + '    mask: {num_channels: 1, spatial_shape: ["2*n", "2*n"], dtype: float32}  # here\n'
        + _OUTPUTS,
        _RIGHT,
    ),
    Code(
        "BE083",
        "error",
        "output missing",
        "The metadata describes an output that the network does not give.",
        _RIGHT + '    uncertainty: {num_channels: 1, spatial_shape: ["2*n", "2*n"], dtype: float32}  # here\n',
        _RIGHT,
    ),
    Code(
        "BE084",
        "warning",
        "output not described",
        "The network gives more than the metadata describes.",
        _TRANSFORMER
        + """\
network_data_format:
  inputs:
    image: {num_channels: 1, spatial_shape: [32, 32], dtype: float32}
  outputs:  # here
    features: {num_channels: 16, spatial_shape: [24], dtype: float32}
""",
        _RIGHT,
    ),
    Code(
        "BE085",
        "error",
        "wrong number of channels",
        "The network takes or gives another number of channels than `num_channels` says.",
        _output('num_channels: 3  # here\nspatial_shape: ["2*n", "2*n"]\ndtype: float32'),
        _RIGHT,
    ),
    Code(
        "BE086",
        "error",
        "wrong sizes",
        "The network gives other sizes than `spatial_shape` says for the same `n`, `p` and `any`, or takes another"
        " number of spatial axes. Two sets of sizes are tried, so `16` is not taken for `8*n`.",
        _output('num_channels: 2\nspatial_shape: ["n", "n"]  # here\ndtype: float32'),
        _RIGHT,
    ),
    Code(
        "BE087",
        "error",
        "wrong number type",
        "The network takes or gives another number type than `dtype` says.",
        _output('num_channels: 2\nspatial_shape: ["2*n", "2*n"]\ndtype: int64  # here'),
        _RIGHT,
    ),
    Code(
        "BE088",
        "warning",
        "values outside of their range",
        "In a real run on random inputs the network gave values outside of `value_range`. Its weights are those that"
        " the config builds it with, which may not be the trained ones. A range that a later step brings about, such"
        " as a softmax, is not the network's.",
        _output(
            'num_channels: 1\nspatial_shape: ["2*n", "2*n"]\ndtype: float32\nvalue_range: [10, 20]  # here', _IDENTITY
        ),
        _output('num_channels: 1\nspatial_shape: ["2*n", "2*n"]\ndtype: float32\nvalue_range: [0, 1]', _IDENTITY),
    ),
    Code(
        "BE089",
        "warning",
        "sizes that the network refuses",
        "A pattern such as `8*n` or `*` promises more sizes than the network takes. It is told as info where only the"
        " smallest ones are refused, as many networks do.",
        """\
network_def:
  _target_: torch.nn.Sequential
  _args_:
  - {_target_: torch.nn.Flatten}
  - {_target_: torch.nn.Linear, in_features: 64, out_features: 2}
network_data_format:
  inputs:
    image:
      num_channels: 1
      spatial_shape: ["8*n", "8*n"]  # here
      dtype: float32
  outputs:
    pred: {num_channels: 2, spatial_shape: [], dtype: float32}
""",
        _RIGHT,
    ),
    Code(
        "BE090",
        "info",
        "network not fully tried",
        "The network is tried on fake tensors, which have shapes and no values; then it runs for real, where that is"
        " cheap. It is told where one of the two was not possible, and as a warning where both were not.",
        """\
network_def: {_target_: UNet, spatial_dims: 3, in_channels: 1, out_channels: 2, channels: [64, 512], strides: [2]}
network_data_format:  # here
  inputs:
    image: {num_channels: 1, spatial_shape: [256, 256, 256], dtype: float32}
  outputs:
    pred: {num_channels: 2, spatial_shape: [256, 256, 256], dtype: float32, value_range: [0, 1]}
""",
        _RIGHT,
    ),
    Code(
        "BE091",
        "info",
        "output that is no tensor",
        "An output of the network has no shape that could be held against the metadata, such as the boxes of a"
        " detection.",
        """\
network_def: {_target_: scripts.net.Detector}
network_data_format:
  inputs:
    image: {num_channels: 1, spatial_shape: [8, 8], dtype: float32}
  outputs:
    pred: {type: object, num_channels: 1, spatial_shape: [8, 8], dtype: float32}  # here
""",
        _RIGHT,
    ),
    Code(
        "BE092",
        "info",
        "spatial_shape with batch or channels",
        "`spatial_shape` has the sizes behind the batch and the channels. The whole shape of the tensor is written"
        " there, which programs that follow the specification misunderstand.",
        _output("num_channels: 2\nspatial_shape: [1, 2]  # here\ndtype: float32", _FLATTEN),
        _output("num_channels: 2\nspatial_shape: []\ndtype: float32", _FLATTEN),
    ),
)
