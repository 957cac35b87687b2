"""Steps 1 and 2 of the paper, tuning: prefixes, token weights and alignment on the few shots (Algorithm 1)."""
