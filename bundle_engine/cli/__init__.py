"""The command line. Nothing else imports it."""

from bundle_engine.cli.entry import main

__all__ = ["main"]
