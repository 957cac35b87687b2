"""What a trained prompt is for: answering over HTTP, labelling files, leaving for other libraries.

In use:

    dawgen serve bundle
    dawgen predict bundle --in rows.csv --out labelled.csv
    dawgen export bundle --out adapter
"""
