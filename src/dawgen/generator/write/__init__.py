"""Writing a set with a tuned generator: decoding, rows in flight, candidates of a shard, quotas per label.

In use:

    from dawgen.generator.write.quotas import fill_quotas
    for candidate, verdict in fill_quotas(writer, per_label, first_texts=texts, judge=curator, result=result): ...
"""
