"""Python parts of the brain tissue bundle: its data (`template`) and its picture (`picture`)."""
