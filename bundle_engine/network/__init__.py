"""Fetch files from servers that may misbehave: redirects, retries, resuming, limits and checks."""
