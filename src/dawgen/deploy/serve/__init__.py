"""Many soft prompts on one frozen model, over HTTP: rows of different prompts share a batch.

In use:

    dawgen serve reviews=bundle --port 8400

    from dawgen import Client
    answers = Client("http://127.0.0.1:8400").classify("reviews", ["A film to remember."])
"""
