"""The whole job: settings and files in, a run folder out; every stage can be resumed or replaced by the user's own.

In use:

    from dawgen.runs.run import run_job
    metrics = run_job(RunConfig(task="scenes-nli"), Path("runs/first"))
"""
