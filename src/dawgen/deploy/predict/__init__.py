"""Labels files of any size, in shards that stream, resume and spread over workers.

In use:

    from dawgen.deploy.predict.job import label_file
    numbers = label_file(Path("bundle"), "rows.csv", Path("labelled.csv"))
"""
