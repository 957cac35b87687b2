"""Prints the peak memory of a process that holds the given number of bytes."""

import sys

from benchmarks.speed.harness import peak_rss

if __name__ == "__main__":
    held = bytearray(int(sys.argv[1]))
    print(peak_rss())
