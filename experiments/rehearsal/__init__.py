"""Simulated people at a running server: they go through its real pages, by HTTP.

:func:`experiments.rehearsal.people.rehearse` is the whole of it; ``browser`` speaks HTTP, and
``pictures`` compares what the server shows with what the study's folder holds.
"""
