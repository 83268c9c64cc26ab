"""What took the place of targets that current versions no longer have."""

from __future__ import annotations

__all__ = ["argument_successor_of", "successor_of"]

_CHANNELS_FIRST = "EnsureChannelFirst"
# classes and functions of MONAI that were removed, by their last name, and what does their work now
_NAMES = {
    "AddChannel": _CHANNELS_FIRST,
    "AddChannelD": f"{_CHANNELS_FIRST}D",
    "AddChannelDict": f"{_CHANNELS_FIRST}Dict",
    "AddChanneld": f"{_CHANNELS_FIRST}d",
    "AsChannelFirst": _CHANNELS_FIRST,
    "AsChannelFirstD": f"{_CHANNELS_FIRST}D",
    "AsChannelFirstDict": f"{_CHANNELS_FIRST}Dict",
    "AsChannelFirstd": f"{_CHANNELS_FIRST}d",
    "SplitChannel": "SplitDim",
    "SplitChannelD": "SplitDimD",
    "SplitChannelDict": "SplitDimDict",
    "SplitChanneld": "SplitDimd",
    "TorchVisionFullyConvModel": "TorchVisionFCModel",
    "MaskedInferenceWSIDataset": "MaskedPatchWSIDataset",
    "NiftiSaver": "SaveImage",
    "PNGSaver": "SaveImage",
    "compute_meandice": "compute_dice",
}
# packages that became part of another one
_PACKAGES = {
    "generative.": "monai.",
    "ignite.contrib.": "ignite.",
    "monai.apps.pathology.data.": "monai.data.",
    "monai.apps.pathology.handlers.": "monai.handlers.",
}
# arguments of MONAI's classes that were renamed; those of others may still have the old name
_ARGUMENTS = {
    "ce_weight": "weight",
    "dimensions": "spatial_dims",
    "focal_weight": "weight",
    "logit_thresh": "threshold",
    "n_classes": "to_onehot",
    "pos_embed": "proj_type",
    "spatial_channels": "spatial_dims",
    "threshold_values": "threshold",
}


def successor_of(target: str) -> str | None:
    """Give what took the place of a target; None where that is not known. It need not be installed."""
    for old, new in _PACKAGES.items():
        if target.startswith(old):
            return new + target.removeprefix(old)
    package, _, name = target.rpartition(".")
    return _NAMES.get(name) if not package or package.startswith("monai") else None


def argument_successor_of(argument: str) -> str | None:
    """Give the new name of an argument of MONAI's; None where it is not known to have one."""
    return _ARGUMENTS.get(argument)
