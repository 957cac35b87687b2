"""Step 3 of the paper: a soft prompt is trained on the frozen target, which is never changed, and classifies.

In use:

    from dawgen.classifier.estimator import PromptClassifier
    labels = PromptClassifier("mini-t5", task).fit(real, synthetic=synthetic).predict(texts)

`Scorer` is the target as a task asks it; `train` is the loop, `surgery` what it does to two gradients.
"""
