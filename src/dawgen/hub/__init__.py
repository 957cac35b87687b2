"""The Hugging Face Hub: whether it has something, files to and from it, and what estimators have for that.

In use:

    classifier = dawgen.PromptClassifier.from_pretrained("owner/name", revision="v1")
    classifier.push_to_hub("me/my-prompt", private=True)

Nothing is sent or fetched unless it is asked for.
"""
