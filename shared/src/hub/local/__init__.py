"""Servers and processes on this machine: what ``make run``, the tests and the benchmarks stand on."""
