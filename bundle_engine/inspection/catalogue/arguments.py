"""What can be wrong with the arguments of components."""

from __future__ import annotations

from bundle_engine.inspection.findings import Code

__all__ = ["CODES"]

CODES = (
    Code(
        "BE040",
        "error",
        "unknown argument",
        "The target takes no argument of this name.",
        """\
worker:
  _target_: textwrap.TextWrapper
  widht: 70  # here
""",
        """\
worker:
  _target_: textwrap.TextWrapper
  width: 70
""",
    ),
    Code(
        "BE041",
        "error",
        "missing argument",
        "The target needs an argument that has no default and is not given.",
        """\
text:
  _target_: textwrap.shorten  # here
  text: hello world
""",
        """\
text:
  _target_: textwrap.shorten
  text: hello world
  width: 7
""",
    ),
    Code(
        "BE042",
        "error",
        "argument given twice",
        "An argument is given by position, in `_args_`, and again by its name.",
        """\
text:
  _target_: textwrap.shorten
  _args_: [hello world]
  text: hello  # here
  width: 7
""",
        """\
text:
  _target_: textwrap.shorten
  _args_: [hello world]
  width: 7
""",
    ),
    Code(
        "BE043",
        "error",
        "positional arguments that do not fit",
        "`_args_` is a list of positional arguments; here it is something else, or holds more than the target takes.",
        """\
text:
  _target_: textwrap.shorten
  _args_: [hello world, 7, 8]  # here
""",
        """\
text:
  _target_: textwrap.shorten
  _args_: [hello world, 7]
""",
    ),
    Code(
        "BE044",
        "error",
        "value of the wrong type",
        "A literal does not fit the annotation of its argument. It is an error where text stands for a number, and a"
        " warning otherwise: annotations are often narrower than what the code takes.",
        """\
net:
  _target_: monai.networks.nets.UNet
  spatial_dims: 3
  in_channels: three  # here
  out_channels: 2
  channels: [16, 32]
  strides: [2]
""",
        """\
net:
  _target_: monai.networks.nets.UNet
  spatial_dims: 3
  in_channels: 3
  out_channels: 2
  channels: [16, 32]
  strides: [2]
""",
    ),
    Code(
        "BE045",
        "warning",
        "deprecated argument",
        "The installed version still takes the argument, and its source says that it will go, or what to use instead.",
        """\
net:
  _target_: scripts.net.Net
  dimensions: 3  # here
""",
        """\
net:
  _target_: scripts.net.Net
  spatial_dims: 3
""",
    ),
)
