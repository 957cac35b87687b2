"""A generator behind an API: a server's model writes from a prompt with a few shots; quotas and curation are the same.

In use:

    from dawgen.generator.api.estimator import ApiGenerator
    generator = ApiGenerator("qwen3", task, url="http://localhost:8000/v1").fit(train)
    synthetic = generator.generate(per_label=100, first_texts=texts)
"""
