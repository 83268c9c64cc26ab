"""Tests against MONAI's parser, the oracle: what it resolves without an error resolves here to the same result."""
