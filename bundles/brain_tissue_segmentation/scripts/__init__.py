"""Python parts of the brain tissue bundle: its data (`template`), its picture (`picture`), and a check of its `files`."""
