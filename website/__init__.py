"""The documentation site: `make docs`. Its pages are docs/*.md as they are; the reference is made from the code."""
