"""The quality of a synthetic set, measured against the few real examples.

In use:

    dawgen audit synthetic.jsonl --real train.jsonl --task scenes-nli
"""
