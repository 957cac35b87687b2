"""What came of it: audits, ratings by people, faults of runs, gradients, break points and costs.

In use:

    dawgen audit runs/first/synthetic --real train.jsonl
    dawgen doctor runs/first
"""
