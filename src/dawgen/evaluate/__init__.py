"""What came of it: audits, ratings by people, faults of runs, gradients, break points and costs."""
