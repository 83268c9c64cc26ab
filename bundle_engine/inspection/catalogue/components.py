"""What can be wrong with components and their targets."""

from __future__ import annotations

from bundle_engine.inspection.findings import Code

__all__ = ["CODES"]

CODES = (
    Code(
        "BE030",
        "error",
        "target not found",
        "`_target_` names nothing that the installed packages, or the bundle's own modules, have: it is misspelt, or"
        " the installed version no longer has it.",
        """\
net:
  _target_: monai.networks.nets.Unett  # here
""",
        """\
net:
  _target_: monai.networks.nets.UNet
  spatial_dims: 3
  in_channels: 1
  out_channels: 2
  channels: [16, 32]
  strides: [2]
""",
    ),
    Code(
        "BE031",
        "error",
        "package not found",
        "The package that targets name is neither installed nor in the bundle's folder. It is told once, at the first"
        " target that needs it.",
        """\
net:
  _target_: no_such_package.Net  # here
""",
        """\
net:
  _target_: collections.Counter
""",
    ),
    Code(
        "BE032",
        "warning",
        "ambiguous short name",
        "Several modules of MONAI define a class or function of this name. The one that MONAI would take is taken;"
        " write the whole path to choose.",
        """\
clicks:
  _target_: Interaction  # here
  _mode_: callable
""",
        """\
clicks:
  _target_: monai.apps.deepedit.interaction.Interaction
  _mode_: callable
""",
    ),
    Code(
        "BE033",
        "warning",
        "target that cannot be called",
        "`_target_` names a module or a plain value, which cannot be called; the component becomes that thing itself.",
        """\
loader:
  _target_: json.decoder  # here
""",
        """\
loader:
  _target_: json.decoder.JSONDecoder
""",
    ),
    Code(
        "BE034",
        "warning",
        "deprecated target",
        "The installed version still has the target, and its source says that it will go.",
        """\
net:
  _target_: scripts.old.Net  # here
""",
        """\
net:
  _target_: scripts.new.Net
""",
    ),
    Code(
        "BE035",
        "error",
        "unknown mode",
        "`_mode_` is `default` (call the target), `callable` (give the target, with its arguments bound) or `debug`"
        " (call it under pdb).",
        """\
count:
  _target_: collections.Counter
  _mode_: calable  # here
""",
        """\
count:
  _target_: collections.Counter
  _mode_: callable
""",
    ),
    Code(
        "BE036",
        "warning",
        "misspelt special key",
        "A key looks like one of the keys that mean something in a component (`_target_`, `_disabled_`, `_requires_`,"
        " `_mode_`, `_args_`, `_ranks_`, `_desc_`), but is none, so it has no effect or becomes an argument.",
        """\
count:
  _taget_: collections.Counter  # here
  a: 1
""",
        """\
count:
  _target_: collections.Counter
  a: 1
""",
    ),
    Code(
        "BE037",
        "error",
        "source with a syntax error",
        "The module that a target names is there, and Python cannot read it.",
        """\
net:
  _target_: scripts.broken.Net  # here
""",
        """\
net:
  _target_: collections.Counter
""",
    ),
)
