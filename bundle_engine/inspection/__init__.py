"""Everything that looks at configs and what they name without running either."""
