"""The rules of `check`: each module looks for one kind of mistake."""
