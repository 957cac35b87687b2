"""The whole job: settings and files in, a run folder out; every stage can be resumed or replaced by the user's own."""
