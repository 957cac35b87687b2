"""People rate a blind sample of real, synthetic and control rows in a page on their own machine.

In use:

    dawgen annotate runs/first --out ratings
    dawgen annotate ratings --report
"""
