"""What a bundle can do if it runs: whom it calls, what it imports, reads, writes and downloads."""

from bundle_engine.inspection.manifest.entries import (
    Called,
    Download,
    FileUse,
    Manifest,
    Noteworthy,
    OwnModule,
    Root,
    Url,
    Weights,
    Where,
)
from bundle_engine.inspection.manifest.survey import manifest_of, manifest_of_bundle

__all__ = [
    "Called",
    "Download",
    "FileUse",
    "Manifest",
    "Noteworthy",
    "OwnModule",
    "Root",
    "Url",
    "Weights",
    "Where",
    "manifest_of",
    "manifest_of_bundle",
]
