"""Go on with a training as if it had never stopped."""
